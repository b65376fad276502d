import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildPackage } from '../../fixtures/rpm/package.ts'
import { samplePackages } from '../../fixtures/rpm/sample.ts'
import type { PackageSpec } from '../../fixtures/rpm/spec.ts'
import { MusterError } from '../errors.ts'
import { packageHeadLength, readPackageHead } from './package-head.ts'
import { SIGNATURE_TAG, TAG } from './tags.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const harbor = buildPackage(samplePackages.find((spec) => spec.name === 'harbor') as PackageSpec)

test('rpm package head: the digests of a written package match its bytes', () => {
  for (const spec of samplePackages) {
    const built = buildPackage(spec)
    const { signature, header, headerRange } = readPackageHead(built.bytes, spec.name)
    assert.deepEqual(headerRange, built.headerRange)
    assert.equal(
      signature.string(SIGNATURE_TAG.sha256),
      sha256(built.bytes.subarray(headerRange.start, headerRange.end)),
    )
    assert.deepEqual(header.strings(TAG.payloadDigest), [
      sha256(built.bytes.subarray(headerRange.end)),
    ])
    assert.equal(signature.number(SIGNATURE_TAG.size), built.bytes.length - headerRange.start)
    assert.equal(header.string(TAG.name), spec.name)
    assert.equal(header.number(TAG.epoch), spec.epoch)
  }
})

test('rpm package head: returns the needed length as soon as enough bytes are there', () => {
  const { start, end } = harbor.headerRange
  for (const length of [0, 3, 96, 111, start + 15])
    assert.equal(
      packageHeadLength(Uint8Array.from(harbor.bytes.subarray(0, length)), 'x'),
      undefined,
    )
  assert.equal(packageHeadLength(harbor.bytes.subarray(0, start + 16), 'x'), end)
  assert.throws(() => readPackageHead(harbor.bytes.subarray(0, end - 1), 'x'), {
    code: 'rpm.package',
    message: /inside its headers/,
  })
  assert.throws(() => packageHeadLength(Buffer.alloc(200), 'x'), {
    code: 'rpm.package',
    message: /magic/,
  })
})

test('RS-21: a cut or changed package head is read or rejected', () => {
  const head = harbor.bytes.subarray(0, harbor.headerRange.end)
  fc.assert(
    fc.property(
      fc.nat({ max: head.length - 1 }),
      fc.nat({ max: 255 }),
      fc.nat({ max: head.length }),
      (at, value, cut) => {
        const bytes = Buffer.from(head)
        bytes[at] = value
        for (const candidate of [bytes, bytes.subarray(0, cut)]) {
          try {
            readPackageHead(candidate, 'fuzz')
          } catch (error) {
            assert.ok(error instanceof MusterError, String(error))
          }
        }
      },
    ),
    { numRuns: 3000 },
  )
})
