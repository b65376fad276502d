/**
 * B5: computes chaining values of chunk groups of 16 KiB, in memory, on one thread. The rival is
 * the native library, which hashes the same bytes as one stream. It uses the widest vectors of the
 * processor (AVX2: 8 lanes, AVX-512: 16). WebAssembly always has 4 lanes.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { GROUP_BYTES } from '../shared/blake3/geometry.ts'
import { kernel } from '../shared/blake3/kernel.ts'
import {
  BATCH_BYTES,
  BATCH_GROUPS,
  INPUT_AT,
  OUTPUT_AT,
  SLOT_COUNT,
  slotAt,
} from '../shared/blake3/memory.ts'
import { GIB, MIB } from '../shared/units.ts'
import { inProcess } from './contender.ts'
import type { Benchmark } from './harness.ts'

const CHUNKS = GROUP_BYTES / 1024

/** Hashes groups in place, a whole batch at a time, and uses all of the kernel's slots in turn. */
export async function inPlace(bytes: unknown): Promise<void> {
  const { groups } = kernel()
  for (let done = 0, slot = 0; done < (bytes as number); done += BATCH_BYTES, slot += 1) {
    groups(slotAt(slot % SLOT_COUNT), BATCH_GROUPS, done / 1024, OUTPUT_AT)
  }
}

/** Hashes one group at a time, like a decoder. */
export async function oneByOne(bytes: unknown): Promise<void> {
  const { subtree } = kernel()
  for (let done = 0, slot = 0; done < (bytes as number); done += BATCH_BYTES, slot += 1) {
    const at = slotAt(slot % SLOT_COUNT)
    for (let group = 0; group < BATCH_GROUPS; group += 1)
      subtree(at + group * GROUP_BYTES, GROUP_BYTES, group * CHUNKS, 0, OUTPUT_AT)
  }
}

const elsewhere = Buffer.alloc(BATCH_BYTES * SLOT_COUNT, 1)

/** Hashes groups outside the kernel's memory, which are copied to it first. */
export async function copied(bytes: unknown): Promise<void> {
  const { subtree, bytes: memory } = kernel()
  for (let done = 0; done < (bytes as number); done += GROUP_BYTES) {
    const at = done % elsewhere.length
    memory.set(elsewhere.subarray(at, at + GROUP_BYTES), INPUT_AT)
    subtree(INPUT_AT, GROUP_BYTES, 0, 0, OUTPUT_AT)
  }
}

function nativeLibrary(): typeof import('@napi-rs/blake-hash') {
  return createRequire(import.meta.url)(
    '@napi-rs/blake-hash',
  ) as typeof import('@napi-rs/blake-hash')
}

export async function nativeStream(bytes: unknown): Promise<void> {
  const hasher = new (nativeLibrary().Blake3Hasher)()
  for (let done = 0; done < (bytes as number); done += BATCH_BYTES) {
    const at = done % elsewhere.length
    hasher.update(elsewhere.subarray(at, at + BATCH_BYTES))
  }
  hasher.digestBuffer()
}

export async function nativeGroups(bytes: unknown): Promise<void> {
  const { blake3 } = nativeLibrary()
  for (let done = 0; done < (bytes as number); done += GROUP_BYTES) {
    const at = done % elsewhere.length
    blake3(elsewhere.subarray(at, at + GROUP_BYTES))
  }
}

/** Returns the widest vectors that the native library can use on this machine. */
function vectors(): string {
  try {
    const flags = readFileSync('/proc/cpuinfo', 'utf8')
    return flags.includes('avx512vl')
      ? 'AVX-512'
      : flags.includes('avx2')
        ? 'AVX2'
        : 'vectors of 128 bits'
  } catch {
    return 'unknown vectors'
  }
}

export const benchmark: Benchmark = {
  id: 'b5',
  title: 'BLAKE3 chunk groups of 16 KiB in memory, 2 GiB, one thread',
  floor: 0.45,
  goal: 0.5,
  rounds: 9,
  remarks: () => [
    `the native library uses ${vectors()} on this processor; the figures of the goal are for AVX2`,
  ],
  async contenders({ smoke }) {
    const argument = smoke ? 16 * MIB : 2 * GIB
    const contender = (name: string, job: string, env: Record<string, string> = {}) =>
      inProcess({ name, module: import.meta.filename, job, argument, env })
    return [
      contender('muster, in place', 'inPlace'),
      contender('@napi-rs/blake-hash, one stream', 'nativeStream'),
      contender('@napi-rs/blake-hash, group by group', 'nativeGroups'),
      contender('muster, group by group', 'oneByOne'),
      contender('muster, copied first', 'copied'),
      contender('muster, without SIMD', 'inPlace', { MUSTER_BLAKE3: 'typescript' }),
    ]
  },
}
