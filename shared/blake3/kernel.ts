/**
 * Selects the kernel that computes BLAKE3 chaining values. Verified streaming needs these values,
 * and no library exposes them. Two kernels have the same memory layout: WebAssembly with four SIMD
 * lanes, and plain TypeScript if WebAssembly can't be loaded. A process selects its kernel once. A
 * kernel that computes a wrong published test value is never used.
 */
import { blake3Error } from './errors.ts'
import { simdKernel } from './kernel-simd.ts'
import { typescriptKernel } from './kernel-typescript.ts'
import { INPUT_AT, OUTPUT_AT } from './memory.ts'

/**
 * Positions are byte offsets into the kernel's memory. Content must start at a multiple of four.
 */
export interface Kernel {
  readonly name: 'simd' | 'typescript'
  /** The kernel's memory, with the layout of memory.ts. */
  readonly bytes: Uint8Array
  readonly words: Uint32Array
  /**
   * Computes the chaining value of the subtree over `length` ≤ 1 MiB bytes at `at`, which begin
   * with chunk number `chunk` of the content. If `root` is 1, the result is the hash of the whole
   * content.
   */
  subtree(at: number, length: number, chunk: number, root: 0 | 1, out: number): void
  /**
   * Computes the chaining values of `count` ≤ 64 whole adjacent groups of 16 KiB at `at`. No group
   * may be the whole content.
   */
  groups(at: number, count: number, chunk: number, out: number): void
  /** Computes the chaining value of the parent node (64 bytes: left, right) at `at`. */
  parent(at: number, root: 0 | 1, out: number): void
}

let chosen: Kernel | undefined

/**
 * Returns the kernel of this process. `MUSTER_BLAKE3=typescript` in the environment selects the
 * fallback. Throws blake3.kernel if even the fallback computes wrong hashes, as on a big-endian
 * machine.
 */
export function kernel(): Kernel {
  chosen ??= choose(process.env['MUSTER_BLAKE3'])
  return chosen
}

function choose(wish: string | undefined): Kernel {
  if (wish !== 'typescript') {
    const simd = simdKernel()
    if (simd !== undefined && computesRight(simd)) return simd
  }
  const fallback = typescriptKernel()
  if (!computesRight(fallback)) throw blake3Error('blake3.kernel', { kernel: fallback.name })
  return fallback
}

/**
 * BLAKE3 of 5,120 bytes that repeat 0 to 250, from the official test_vectors.json. It uses the
 * lanes and the scalar code.
 */
const TEST_LENGTH = 5120
const TEST_HASH = '9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833'

function computesRight(kernel: Kernel): boolean {
  for (let i = 0; i < TEST_LENGTH; i += 1) kernel.bytes[INPUT_AT + i] = i % 251
  kernel.subtree(INPUT_AT, TEST_LENGTH, 0, 1, OUTPUT_AT)
  return Buffer.from(kernel.bytes.subarray(OUTPUT_AT, OUTPUT_AT + 32)).toString('hex') === TEST_HASH
}
