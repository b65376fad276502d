/**
 * Tests the rules for ed25519 signatures and keys with vectors and against another implementation.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as noble from '@noble/ed25519'
import fc from 'fast-check'
import { FILES } from '../../fixtures/vectors/ed25519/generate.ts'
import {
  privateKeyObject,
  publicKeyFault,
  rawPublicKey,
  signEd25519,
  verifyEd25519,
} from './ed25519.ts'

noble.hashes.sha512 = (bytes) => new Uint8Array(createHash('sha512').update(bytes).digest())

const VECTORS = join(import.meta.dirname, '../../fixtures/vectors/ed25519')
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

function rows(name: string): string[][] {
  const lines = readFileSync(join(VECTORS, name), 'utf8').split('\n')
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t'))
}

/** The fourteen encodings of the eight small-order points, from C2SP/CCTV ed25519. */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
]

const SEED = new Uint8Array(32).fill(7)
const KEY = privateKeyObject(SEED)
const PUBLIC = rawPublicKey(KEY)
const MESSAGE = Buffer.from('one message')
const SIGNATURE = signEd25519(KEY, MESSAGE)

describe('ed25519', () => {
  test('RFC 8032 section 7.1 keys and signatures', () => {
    for (const [seed, key, message, signature] of rows('rfc8032.tsv') as [
      string,
      string,
      string,
      string,
    ][]) {
      const privateKey = privateKeyObject(hex(seed))
      assert.equal(Buffer.from(rawPublicKey(privateKey)).toString('hex'), key)
      assert.equal(Buffer.from(signEd25519(privateKey, hex(message))).toString('hex'), signature)
      assert.equal(verifyEd25519(hex(key), hex(message), hex(signature)), true)
    }
  })

  test('the edge-case vectors equal the output of their generator', () => {
    for (const [name, text] of Object.entries(FILES))
      assert.equal(readFileSync(join(VECTORS, name), 'utf8'), text(), name)
  })

  for (const file of Object.keys(FILES))
    test(`ID-04: every signature of ${file} has the expected results, also under ZIP 215`, () => {
      const vectors = rows(file)
      assert.ok(vectors.length >= 12)
      for (const [verdict, zip215, flags, key, signature, message] of vectors as [
        string,
        string,
        string,
        string,
        string,
        string,
      ][]) {
        assert.equal(
          verifyEd25519(hex(key), Buffer.from(message), hex(signature)),
          verdict === 'accept',
          flags,
        )
        // This proves that each rejected signature is wrong only for the reason in its row.
        assert.equal(
          noble.verify(hex(signature), Buffer.from(message), hex(key)),
          zip215 === 'accept',
          flags,
        )
      }
    })

  test('ID-03: rejects all fourteen encodings of small-order points as keys', () => {
    for (const encoding of SMALL_ORDER) {
      assert.notEqual(publicKeyFault(hex(encoding)), undefined, encoding)
      // The zero signature verifies under the identity key on some platforms.
      for (const commitment of SMALL_ORDER)
        assert.equal(
          verifyEd25519(
            hex(encoding),
            MESSAGE,
            Buffer.concat([hex(commitment), new Uint8Array(32)]),
          ),
          false,
        )
    }
  })

  test('ID-03: rejects a key with y ≥ p, and bytes that are not a point', () => {
    for (let low = 0; low < 19; low++)
      for (const high of [0x7f, 0xff]) {
        const key = new Uint8Array(32).fill(0xff)
        key[0] = 0xed + low
        key[31] = high
        assert.match(publicKeyFault(key) ?? '', /not canonical/)
      }
    assert.match(
      publicKeyFault(Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 2 : 0))) ?? '',
      /not a point/,
    )
  })

  test('ID-04: rejects S + L, which verifies under lenient rules', () => {
    const L = 2n ** 252n + 27742317777372353535851937790883648493n
    const s = BigInt(`0x${Buffer.from(SIGNATURE.subarray(32)).reverse().toString('hex')}`)
    for (let n = 1n; s + n * L < 2n ** 256n; n++) {
      const malleable = Buffer.concat([
        SIGNATURE.subarray(0, 32),
        Buffer.from((s + n * L).toString(16).padStart(64, '0'), 'hex').reverse(),
      ])
      assert.equal(verifyEd25519(PUBLIC, MESSAGE, malleable), false)
    }
  })

  test('ID-04: rejects signatures and keys of the wrong length', () => {
    assert.equal(verifyEd25519(PUBLIC, MESSAGE, SIGNATURE), true)
    for (const length of [0, 1, 32, 63])
      assert.equal(verifyEd25519(PUBLIC, MESSAGE, SIGNATURE.subarray(0, length)), false)
    assert.equal(
      verifyEd25519(PUBLIC, MESSAGE, Buffer.concat([SIGNATURE, Uint8Array.of(0)])),
      false,
    )
    assert.equal(verifyEd25519(PUBLIC.subarray(0, 31), MESSAGE, SIGNATURE), false)
    assert.equal(
      verifyEd25519(Buffer.concat([PUBLIC, Uint8Array.of(0)]), MESSAGE, SIGNATURE),
      false,
    )
  })

  test('rejects any flipped bit in key, message or signature', () => {
    const flip = (bytes: Uint8Array, bit: number): Uint8Array =>
      bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
    for (let bit = 0; bit < 256; bit++)
      assert.equal(verifyEd25519(flip(PUBLIC, bit), MESSAGE, SIGNATURE), false, `key bit ${bit}`)
    for (let bit = 0; bit < 512; bit++)
      assert.equal(
        verifyEd25519(PUBLIC, MESSAGE, flip(SIGNATURE, bit)),
        false,
        `signature bit ${bit}`,
      )
    for (let bit = 0; bit < MESSAGE.length * 8; bit++)
      assert.equal(verifyEd25519(PUBLIC, flip(MESSAGE, bit), SIGNATURE), false)
  })

  test('the validity of 32 bytes as a key agrees with another implementation', () => {
    const decodes = (bytes: Uint8Array): boolean => {
      try {
        return !noble.Point.fromBytes(bytes, false).isSmallOrder()
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        assert.equal(publicKeyFault(bytes) === undefined, decodes(bytes))
      }),
      { numRuns: 300 },
    )
  })

  test('valid signatures by any key verify here and elsewhere', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ maxLength: 200 }),
        (seed, message) => {
          const key = privateKeyObject(seed)
          const signature = signEd25519(key, message)
          assert.equal(verifyEd25519(rawPublicKey(key), message, signature), true)
          assert.equal(noble.verify(signature, message, rawPublicKey(key), { zip215: false }), true)
        },
      ),
      { numRuns: 50 },
    )
  })
})
