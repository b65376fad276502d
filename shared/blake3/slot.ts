/**
 * Places to collect encoded bytes until a batch is whole: in the kernel's memory while one is free
 * there, so that bytes are hashed and written where they arrived, else in a buffer of their own.
 * Nobody waits for a slot, so a stalled sender can't hold up anybody else.
 */
import { kernel } from './kernel.ts'
import { INPUT_AT, SLOT_BYTES, SLOT_COUNT, slotAt } from './memory.ts'

export interface Slot {
  /** SLOT_BYTES bytes that belong to the holder until `release`. */
  readonly bytes: Uint8Array
  /**
   * Where `length` bytes at `offset` stand in the kernel's memory, for its next call. Copies at
   * most 1 MiB there if the slot is elsewhere.
   */
  place(offset: number, length: number): number
  /** Gives the slot back; nobody may use `bytes` afterwards. Releasing twice does nothing. */
  release(): void
}

const free: number[] = Array.from({ length: SLOT_COUNT }, (_, i) => slotAt(SLOT_COUNT - 1 - i))

export function takeSlot(): Slot {
  const at = free.pop()
  return at === undefined ? ownSlot() : kernelSlot(at)
}

function kernelSlot(at: number): Slot {
  let held = true
  return {
    bytes: kernel().bytes.subarray(at, at + SLOT_BYTES),
    place: (offset) => at + offset,
    release: () => {
      if (held) free.push(at)
      held = false
    },
  }
}

function ownSlot(): Slot {
  const bytes = Buffer.allocUnsafeSlow(SLOT_BYTES)
  return {
    bytes,
    place: (offset, length) => {
      kernel().bytes.set(bytes.subarray(offset, offset + length), INPUT_AT)
      return INPUT_AT
    },
    release: () => undefined,
  }
}
