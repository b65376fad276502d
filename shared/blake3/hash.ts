/**
 * Computes BLAKE3 of whole contents. It uses the native library, which is three to five times as
 * fast, or our kernel if the library can't be loaded.
 */
import { createRequire } from 'node:module'
import type { BlobId } from '../ids.ts'
import { blobId } from '../ids.ts'
import { GROUP_BYTES } from './geometry.ts'
import { kernel } from './kernel.ts'
import { INPUT_AT } from './memory.ts'
import { Tree } from './tree.ts'

export interface Blake3Hasher {
  update(bytes: Uint8Array): void
  /** Returns the id of all bytes so far. Call it once. */
  digest(): BlobId
}

type Native = Pick<typeof import('@napi-rs/blake-hash'), 'Blake3Hasher' | 'blake3'>

let native: Native | null | undefined

/** The native library. Null if it can't be loaded or MUSTER_BLAKE3 selects our kernels. */
export function nativeBlake3(): Native | null {
  if (native === undefined)
    native = process.env['MUSTER_BLAKE3'] === undefined ? loadNative() : null
  return native
}

function loadNative(): Native | null {
  try {
    return createRequire(import.meta.url)('@napi-rs/blake-hash') as Native
  } catch {
    // If there is no binary for this platform, the kernel replaces it and doctor reports it.
    return null
  }
}

export function createBlake3(): Blake3Hasher {
  const library = nativeBlake3()
  if (library === null) return createOwnBlake3()
  const hasher = new library.Blake3Hasher()
  return {
    update: (bytes) => {
      hasher.update(asBuffer(bytes))
    },
    digest: () => blobId.parse(hasher.digestBuffer().toString('hex')),
  }
}

export function blake3Of(bytes: Uint8Array): BlobId {
  const library = nativeBlake3()
  if (library !== null) return blobId.parse(library.blake3(asBuffer(bytes)).toString('hex'))
  const hasher = createOwnBlake3()
  hasher.update(bytes)
  return hasher.digest()
}

/** Hashes with our kernel, also if the native library is available. */
export function createOwnBlake3(): Blake3Hasher {
  const { bytes: memory } = kernel()
  const tree = new Tree(kernel())
  // Bytes wait here until more bytes follow. Before that, they may be the last group.
  const waiting = new Uint8Array(WAITING_BYTES)
  let filled = 0
  const flush = (last: boolean): void => {
    memory.set(waiting.subarray(0, filled), INPUT_AT)
    tree.add(INPUT_AT, filled, last)
    filled = 0
  }
  return {
    update: (bytes) => {
      for (let offset = 0; offset < bytes.length; ) {
        if (filled === WAITING_BYTES) flush(false)
        const count = Math.min(WAITING_BYTES - filled, bytes.length - offset)
        waiting.set(bytes.subarray(offset, offset + count), filled)
        filled += count
        offset += count
      }
    },
    digest: () => {
      flush(true)
      return blobId.parse(Buffer.from(tree.finish().root).toString('hex'))
    },
  }
}

/**
 * A full buffer has more than one group, so a content of one group is never added before its end.
 */
const WAITING_BYTES = 4 * GROUP_BYTES

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
