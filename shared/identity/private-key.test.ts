/**
 * Tests OpenSSH private keys: keys of ssh-keygen are read, ssh-keygen reads the written keys, and
 * malformed keys are rejected.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MusterError } from '../errors.ts'
import { systemClock } from '../clock.ts'
import { systemRandom } from '../random.ts'
import { makeKey, runTool, tempFolder } from '../testing/openssh.ts'
import { formatPrivateKey, parsePrivateKey } from './private-key.ts'
import { formatPublicKeyLine, publicKeyBlob } from './public-key.ts'
import { generateKey } from './signer.ts'
import { sshString, sshUint32 } from './ssh-wire.ts'

const key = generateKey({ random: systemRandom }, { comment: 'made here' })
const other = generateKey({ random: systemRandom })
const armor = (bytes: Uint8Array): string => {
  const base64 = Buffer.from(bytes).toString('base64')
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64}\n-----END OPENSSH PRIVATE KEY-----\n`
}

interface Parts {
  cipher?: string
  kdf?: string
  kdfOptions?: Uint8Array
  count?: number
  outer?: Uint8Array
  checks?: readonly [number, number]
  type?: string
  inner?: Uint8Array
  pair?: Uint8Array
  padding?: readonly number[]
  after?: Uint8Array
}

/** Makes a key file with the faults that a test specifies. */
function assemble(parts: Parts = {}): string {
  const fields = Buffer.concat([
    sshUint32(parts.checks?.[0] ?? 5),
    sshUint32(parts.checks?.[1] ?? 5),
    sshString(parts.type ?? 'ssh-ed25519'),
    sshString(parts.inner ?? key.publicKey),
    sshString(parts.pair ?? Buffer.concat([key.seed, key.publicKey])),
    sshString(''),
  ])
  const padding =
    parts.padding ?? Array.from({ length: (8 - (fields.length % 8)) % 8 }, (_, i) => i + 1)
  return armor(
    Buffer.concat([
      Buffer.from('openssh-key-v1\0'),
      sshString(parts.cipher ?? 'none'),
      sshString(parts.kdf ?? 'none'),
      sshString(parts.kdfOptions ?? ''),
      sshUint32(parts.count ?? 1),
      sshString(parts.outer ?? publicKeyBlob(key.publicKey)),
      sshString(Buffer.concat([fields, Uint8Array.from(padding)])),
      parts.after ?? new Uint8Array(0),
    ]),
  )
}

/** Pads the private part to whole AES blocks. */
const AES_PADDING = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
const kdf = (rounds: number): Uint8Array =>
  Buffer.concat([sshString(new Uint8Array(16).fill(1)), sshUint32(rounds)])
const unlock = (text: string, passphrase?: string): unknown =>
  parsePrivateKey(text, 'k').unlock(passphrase)

describe('private keys', () => {
  for (const cipher of [
    'aes256-ctr',
    'aes192-ctr',
    'aes128-ctr',
    'aes256-cbc',
    'aes192-cbc',
    'aes128-cbc',
    'aes256-gcm@openssh.com',
    'aes128-gcm@openssh.com',
  ])
    test(`a key that ssh-keygen encrypted with ${cipher} opens with its passphrase`, async () => {
      await using folder = await tempFolder()
      const path = await makeKey(folder.file('k'), ['-Z', cipher, '-a', '1'], 'open sesame é')
      const file = parsePrivateKey(await readFile(path, 'utf8'), path)
      assert.equal(file.encrypted, true)
      assert.throws(() => file.unlock(), { code: 'identity.encrypted' })
      assert.throws(() => file.unlock('open sesame'), { code: 'identity.passphrase' })
      const opened = file.unlock('open sesame é')
      assert.equal(
        `${formatPublicKeyLine(opened.publicKey, opened.comment)}\n`,
        await readFile(`${path}.pub`, 'utf8'),
      )
      assert.deepEqual(file.publicKey, opened.publicKey)
    })

  test('opens a key with the default rounds, and one without a passphrase', async () => {
    await using folder = await tempFolder()
    const encrypted = await makeKey(folder.file('e'), [], 'pw')
    assert.equal(
      parsePrivateKey(await readFile(encrypted, 'utf8'), encrypted).unlock('pw').comment,
      'a comment',
    )
    const plain = await makeKey(folder.file('p'))
    const file = parsePrivateKey((await readFile(plain, 'utf8')).replaceAll('\n', '\r\n'), plain)
    assert.equal(file.encrypted, false)
    assert.equal(file.unlock().comment, 'a comment')
  })

  test('ssh-keygen reads the keys written here, plain and encrypted', async () => {
    await using folder = await tempFolder()
    for (const passphrase of [undefined, 'a passphrase']) {
      const path = folder.file(`w${passphrase?.length ?? 0}`)
      await writeFile(
        path,
        formatPrivateKey(
          { random: systemRandom },
          key,
          passphrase === undefined ? {} : { passphrase },
        ),
        {
          mode: 0o600,
        },
      )
      const { stdout, stderr } = await runTool('ssh-keygen', [
        '-y',
        '-P',
        passphrase ?? '',
        '-f',
        path,
      ])
      assert.equal(stdout.trim(), formatPublicKeyLine(key.publicKey, 'made here'), stderr)
      const again = parsePrivateKey(await readFile(path, 'utf8'), path).unlock(passphrase)
      assert.deepEqual(Buffer.from(again.seed), Buffer.from(key.seed))
    }
  })

  test('ID-15: rejects other ciphers by name, with the command to change it', async () => {
    await using folder = await tempFolder()
    const path = await makeKey(
      folder.file('k'),
      ['-Z', 'chacha20-poly1305@openssh.com', '-a', '1'],
      'pw',
    )
    const error = await readFile(path, 'utf8').then((text) => {
      try {
        return parsePrivateKey(text, path).unlock('pw')
      } catch (caught) {
        return caught
      }
    })
    assert.ok(error instanceof MusterError)
    assert.equal(error.code, 'identity.cipher')
    assert.match(error.message, /chacha20-poly1305@openssh\.com/)
    assert.match(error.hint ?? '', /ssh-keygen -p -Z aes256-ctr -f /)
    assert.throws(
      () => unlock(assemble({ cipher: '3des-cbc', kdf: 'bcrypt', kdfOptions: kdf(1) }), 'pw'),
      { code: 'identity.cipher' },
    )
    assert.throws(
      () => unlock(assemble({ cipher: 'toString', kdf: 'bcrypt', kdfOptions: kdf(1) }), 'pw'),
      { code: 'identity.cipher' },
    )
  })

  test('ID-15: rejects 2^31 rounds of key derivation at once', () => {
    const start = systemClock.monotonic()
    for (const rounds of [101, 2 ** 31, 2 ** 32 - 1])
      assert.throws(
        () =>
          unlock(
            assemble({
              cipher: 'aes256-ctr',
              kdf: 'bcrypt',
              kdfOptions: kdf(rounds),
              padding: AES_PADDING,
            }),
            'pw',
          ),
        {
          code: 'identity.rounds',
        },
      )
    assert.ok(systemClock.monotonic() - start < 1000)
  })

  test('ID-15: rejects differing check integers, bad padding, two keys, trailing bytes', () => {
    assert.ok(unlock(assemble()))
    for (const [parts, reason] of [
      [{ checks: [1, 2] }, /check integers differ/],
      [{ padding: [1, 2, 3, 5, 5] }, /padding/],
      [{ padding: [0, 0, 0, 0, 0] }, /padding/],
      [{ padding: [1] }, /whole number of blocks/],
      [{ count: 0 }, /contains 0 keys/],
      [{ count: 2 }, /contains 2 keys/],
      [{ count: 2 ** 32 - 1 }, /contains 4294967295 keys/],
      [{ after: Uint8Array.of(0) }, /1 bytes follow/],
      [{ kdf: 'bcrypt', kdfOptions: kdf(1) }, /do not match/],
      [{ cipher: 'aes256-ctr' }, /do not match/],
      [{ kdfOptions: kdf(1) }, /do not match/],
      [{ type: 'ssh-rsa' }, /type is ssh-rsa/],
      [{ pair: key.seed }, /private half has 32 bytes/],
      [
        { outer: publicKeyBlob(Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))) },
        /small order/,
      ],
    ] as const satisfies readonly (readonly [Parts, RegExp])[])
      assert.throws(() => unlock(assemble(parts)), {
        code: 'identity.private-key',
        message: reason,
      })
    for (const options of [
      new Uint8Array(0),
      kdf(0),
      Buffer.concat([kdf(1), Uint8Array.of(0)]),
      Buffer.concat([sshString(''), sshUint32(1)]),
    ])
      assert.throws(
        () =>
          unlock(
            assemble({
              cipher: 'aes128-cbc',
              kdf: 'bcrypt',
              kdfOptions: options,
              padding: AES_PADDING,
            }),
            'pw',
          ),
        {
          code: 'identity.private-key',
        },
      )
    assert.throws(
      () => unlock(assemble({ cipher: 'aes128-cbc', kdf: 'scrypt', kdfOptions: kdf(1) }), 'pw'),
      {
        code: 'identity.private-key',
      },
    )
  })

  test('ID-16: rejects a file with a public half, in any place, of another seed', () => {
    const reason = { code: 'identity.private-key', message: /public half does not match/ }
    assert.throws(() => unlock(assemble({ outer: publicKeyBlob(other.publicKey) })), reason)
    assert.throws(() => unlock(assemble({ inner: other.publicKey })), reason)
    assert.throws(
      () => unlock(assemble({ pair: Buffer.concat([key.seed, other.publicKey]) })),
      reason,
    )
    assert.throws(
      () => unlock(assemble({ pair: Buffer.concat([other.seed, key.publicKey]) })),
      reason,
    )
  })

  test('rejects other private key formats by name', async () => {
    await using folder = await tempFolder()
    for (const [name, args, reason] of [
      ['rsa', ['-t', 'rsa', '-b', '2048'], /type is ssh-rsa/],
      ['pem', ['-t', 'rsa', '-b', '2048', '-m', 'PEM'], /contains a RSA PRIVATE KEY/],
      ['pkcs8', ['-t', 'ecdsa', '-m', 'PKCS8'], /contains a PRIVATE KEY/],
      ['ecdsa', ['-t', 'ecdsa'], /type is ecdsa-sha2-nistp256/],
    ] as const) {
      const text = await readFile(await makeKey(folder.file(name), args), 'utf8')
      assert.throws(() => unlock(text), { code: 'identity.private-key', message: reason })
    }
    assert.throws(() => unlock('ssh-ed25519 AAAA'), { message: /not an OpenSSH private key/ })
    assert.throws(() => unlock(assemble().slice(0, 200)), { message: /truncated/ })
    assert.throws(() => unlock(assemble().replace('b3Blbn', 'b3B*bn')), { message: /not base64/ })
  })

  test('a changed or truncated key file is a Muster error or still the same key', () => {
    const bytes = Buffer.from(assemble().split('\n')[1] as string, 'base64')
    fc.assert(
      fc.property(
        fc.nat(bytes.length - 1),
        fc.nat(255),
        fc.nat(bytes.length),
        (at, value, length) => {
          const changed = Buffer.from(bytes)
          changed[at] = value
          for (const candidate of [changed, bytes.subarray(0, length)])
            try {
              assert.deepEqual(
                parsePrivateKey(armor(candidate), 'k').unlock('pw').publicKey,
                key.publicKey,
              )
            } catch (error) {
              assert.ok(
                error instanceof MusterError && error.code.startsWith('identity.'),
                String(error),
              )
            }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('printing, spreading or serialising a key reveals no seed', () => {
    const seed = Buffer.from(key.seed)
    const shown = [JSON.stringify(key), JSON.stringify({ ...key }), Object.keys(key).join()].join()
    assert.ok(
      !shown.includes('seed') &&
        !shown.includes(seed.toString('base64')) &&
        !shown.includes(seed.toString('hex')),
    )
  })
})
