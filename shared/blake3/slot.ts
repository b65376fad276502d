/**
 * Provides slots that collect encoded bytes until a batch is full. A slot is in the kernel's memory
 * if one is free, so that bytes are hashed and written in place. Otherwise it is a separate buffer.
 * No caller waits for a slot, so a stalled sender can't block the others.
 */
import { kernel } from './kernel.ts'
import { INPUT_AT, SLOT_BYTES, SLOT_COUNT, slotAt } from './memory.ts'

export interface Slot {
  /** SLOT_BYTES bytes that belong to the holder until `release`. */
  readonly bytes: Uint8Array
  /**
   * Returns the position of `length` bytes at `offset` in the kernel's memory, for its next call.
   * At most 1 MiB of a slot outside that memory is copied there.
   */
  place(offset: number, length: number): number
  /** Releases the slot. `bytes` must not be used afterwards. A second call does nothing. */
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
