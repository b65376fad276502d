/** Compares whole hashes of the native library and our kernels with the official vectors. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { someBytes } from '../testing/bao.ts'
import { blake3Of, createBlake3, createOwnBlake3, nativeBlake3 } from './hash.ts'

interface Vectors {
  cases: { length: number; hash: string }[]
}
const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/vectors/blake3/hash.json'), 'utf8'),
) as Vectors
const countingBytes = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => i % 251))

test('BT-14: the native library and our kernels match the official BLAKE3 vectors', () => {
  assert.equal(vectors.cases.length, 35)
  assert.notEqual(nativeBlake3(), null)
  for (const { length, hash } of vectors.cases) {
    const input = countingBytes(length)
    assert.equal(blake3Of(input), hash, `${length} bytes`)
    for (const hasher of [createBlake3(), createOwnBlake3()]) {
      hasher.update(input)
      assert.equal(hasher.digest(), hash, `${length} bytes`)
    }
  }
})

test('hashing in pieces of any length returns the hash of the whole', () => {
  for (const length of [0, 1, 65535, 65536, 65537, 131072, 1 << 20, (1 << 20) + 1, 3_000_000]) {
    const input = someBytes(length)
    for (const piece of [1000, 16384, 65536, 700_001]) {
      const [own, fast] = [createOwnBlake3(), createBlake3()]
      for (let at = 0; at < length; at += piece) {
        own.update(input.subarray(at, at + piece))
        fast.update(input.subarray(at, at + piece))
      }
      assert.equal(own.digest(), fast.digest(), `${length} bytes in pieces of ${piece}`)
    }
  }
})

test('the fallback kernel hashes if the native library is missing', () => {
  const file = JSON.stringify(join(import.meta.dirname, 'hash.ts'))
  const script = `
    import { blake3Of, nativeBlake3 } from ${file}
    process.stdout.write(nativeBlake3() + ' ' + blake3Of(Buffer.alloc(100000, 7)))`
  const env = { MUSTER_BLAKE3: 'typescript' }
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    env,
    encoding: 'utf8',
  })
  assert.equal(output, `null ${blake3Of(Buffer.alloc(100_000, 7))}`)
})
