/**
 * Compares public key lines and fingerprints with ssh-keygen, and tests that other keys are
 * rejected.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { MusterError } from '../errors.ts'
import { fingerprint } from '../ids.ts'
import { systemRandom } from '../random.ts'
import { makeKey, runTool, tempFolder } from '../testing/openssh.ts'
import { fingerprintOf } from './fingerprint.ts'
import {
  formatPublicKeyLine,
  parsePublicKeyBlob,
  parsePublicKeyLine,
  publicKeyBlob,
} from './public-key.ts'
import { generateKey } from './signer.ts'
import { sshString } from './ssh-wire.ts'

const key = generateKey({ random: systemRandom })
const refused = { code: 'identity.public-key' }
const lineOf = (blob: Uint8Array, type = 'ssh-ed25519'): string =>
  `${type} ${Buffer.from(blob).toString('base64')}`

test('parses key, comment and fingerprint of a .pub file of ssh-keygen', async () => {
  await using folder = await tempFolder()
  const path = await makeKey(folder.file('k'))
  const line = await readFile(`${path}.pub`, 'utf8')
  const { publicKey, comment } = parsePublicKeyLine(line)
  assert.equal(comment, 'a comment')
  assert.equal(formatPublicKeyLine(publicKey, comment), line.trim())
  const { stdout } = await runTool('ssh-keygen', ['-l', '-f', path])
  assert.equal(stdout.split(' ')[1], fingerprintOf(publicKey))
})

test('ssh-keygen -l reads a formatted line', async () => {
  const { stdout } = await runTool('ssh-keygen', ['-l', '-f', '-'], {
    input: `${formatPublicKeyLine(key.publicKey, 'who\nelse')}\n`,
  })
  assert.equal(stdout.trim(), `256 ${key.fingerprint} who else (ED25519)`)
  assert.ok(fingerprint.is(key.fingerprint))
})

test('ID-03: rejects a small-order, non-canonical or invalid key at parsing', () => {
  const identity = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
  const notCanonical = new Uint8Array(32).fill(0xff)
  const noPoint = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 2 : 0))
  for (const [bytes, reason] of [
    [identity, /small order/],
    [notCanonical, /not canonical/],
    [noPoint, /not a point/],
    [new Uint8Array(31), /31 bytes/],
    [new Uint8Array(33), /33 bytes/],
  ] as const)
    assert.throws(() => parsePublicKeyLine(lineOf(publicKeyBlob(bytes))), {
      ...refused,
      message: reason,
    })
})

test('rejects key lines of other types, forms and lengths with the reason', () => {
  const blob = publicKeyBlob(key.publicKey)
  for (const [line, reason] of [
    ['', /not a line of the form/],
    ['ssh-ed25519', /not a line of the form/],
    [`restrict ${lineOf(blob)}`, /not a line of the form/],
    [lineOf(blob, 'ssh-rsa'), /type is ssh-rsa/],
    [lineOf(Buffer.concat([sshString('ssh-rsa'), sshString(key.publicKey)])), /type is ssh-rsa/],
    [lineOf(blob.subarray(0, 40)), /truncated/],
    [lineOf(Buffer.concat([blob, Uint8Array.of(0)])), /1 bytes follow/],
    [`${lineOf(blob)}\n${lineOf(blob)}`, /more than one line/],
    [`${lineOf(blob)} ${'x'.repeat(9000)}`, /longer than/],
    [lineOf(Buffer.concat([Uint8Array.of(255, 255, 255, 255), blob])), /truncated/],
  ] as const)
    assert.throws(() => parsePublicKeyLine(line), { ...refused, message: reason })
})

test('arbitrary key lines and blobs throw only identity.public-key', () => {
  const attempt = (parse: () => unknown): void => {
    try {
      parse()
    } catch (error) {
      assert.ok(error instanceof MusterError && error.code === 'identity.public-key', String(error))
    }
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (line) => attempt(() => parsePublicKeyLine(line))),
  )
  fc.assert(
    fc.property(fc.nat(50), fc.nat(255), fc.nat(51), (at, value, length) => {
      const blob = Buffer.from(publicKeyBlob(key.publicKey))
      blob[at] = value
      attempt(() => parsePublicKeyBlob(blob.subarray(0, length), 'a blob'))
    }),
  )
})

test('parsing a formatted key line returns the same key', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.stringMatching(/^[a-z@.-]{0,30}$/),
      (seed, comment) => {
        const made = generateKey({ random: { ...systemRandom, bytes: () => seed } })
        assert.deepEqual(parsePublicKeyLine(formatPublicKeyLine(made.publicKey, comment)), {
          publicKey: made.publicKey,
          comment,
        })
      },
    ),
    { numRuns: 50 },
  )
})
