/** Compares both kernels with the reference implementation, and tests the choice between them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { referenceParent, referenceSubtree } from '../testing/reference-blake3.ts'
import { someBytes } from '../testing/bao.ts'
import { kernel } from './kernel.ts'
import { simdKernel } from './kernel-simd.ts'
import { typescriptKernel } from './kernel-typescript.ts'
import { INPUT_AT, MEMORY_BYTES, OUTPUT_AT, SLOT_BYTES, SLOT_COUNT, slotAt } from './memory.ts'

const simd = simdKernel()
assert(simd !== undefined, 'Node 24 has WebAssembly SIMD')
const kernels = [simd, typescriptKernel()]
/** Lengths around blocks, chunks, lanes of four chunks, and groups. */
const LENGTHS = [
  0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 3073, 4096, 4097, 5120, 7169, 8193, 16383, 16384, 31744,
  65537,
]
/** Chunk numbers with low and high words, and one where the lanes cross 2^32. */
const CHUNKS = [0, 1, 16, 2 ** 32 - 2, 2 ** 32, 2 ** 38 - 16]

for (const { name, bytes, subtree, groups, parent } of kernels) {
  const result = (count = 1): Buffer =>
    Buffer.from(bytes.subarray(OUTPUT_AT, OUTPUT_AT + 32 * count))

  test(`the ${name} kernel computes subtrees at any chunk number, root or not`, () => {
    for (const length of LENGTHS) {
      const content = someBytes(length, length + 1)
      bytes.set(content, INPUT_AT)
      for (const [i, chunk] of CHUNKS.entries()) {
        const root = i === 0 ? 1 : 0
        subtree(INPUT_AT, length, chunk, root, OUTPUT_AT)
        assert.deepEqual(
          result(),
          referenceSubtree(content, chunk, root === 1),
          `${length} bytes at chunk ${chunk}`,
        )
      }
    }
  })

  test(`the ${name} kernel computes whole groups and parents`, () => {
    const content = someBytes(5 * 16384, 9)
    for (const chunk of [16, 2 ** 32 - 32]) {
      bytes.set(content, INPUT_AT)
      groups(INPUT_AT, 5, chunk, OUTPUT_AT)
      const expected = [0, 1, 2, 3, 4].map((i) =>
        referenceSubtree(content.subarray(i * 16384, (i + 1) * 16384), chunk + i * 16, false),
      )
      assert.deepEqual(result(5), Buffer.concat(expected))
    }
    for (const root of [0, 1] as const) {
      bytes.set(content.subarray(0, 64), INPUT_AT)
      parent(INPUT_AT, root, OUTPUT_AT)
      assert.deepEqual(result(), referenceParent(content.subarray(0, 64), root === 1))
    }
  })

  test(`the ${name} kernel hashes a full batch and leaves other slots unchanged`, () => {
    const marker = Buffer.alloc(SLOT_BYTES, 0xa5)
    bytes.set(marker, slotAt(0))
    const content = someBytes(1 << 20, 3)
    bytes.set(content, INPUT_AT)
    groups(INPUT_AT, 64, 0, OUTPUT_AT)
    const last = result(64).subarray(63 * 32)
    assert.deepEqual(last, referenceSubtree(content.subarray(63 * 16384), 63 * 16, false))
    subtree(INPUT_AT, 1 << 20, 64, 0, OUTPUT_AT)
    assert.deepEqual(result(), referenceSubtree(content, 64, false))
    assert(marker.equals(bytes.subarray(slotAt(0), slotAt(1))))
    assert(slotAt(SLOT_COUNT) <= MEMORY_BYTES)
  })
}

test('the fast kernel is chosen, and the environment forces the fallback', () => {
  assert.equal(kernel().name, 'simd')
  const module = JSON.stringify(join(import.meta.dirname, 'kernel.ts'))
  const script = `import { kernel } from ${module}; process.stdout.write(kernel().name)`
  const run = (env: Record<string, string>): string =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' })
  assert.equal(run({ MUSTER_BLAKE3: 'typescript' }), 'typescript')
  assert.equal(run({}), 'simd')
})
