/** Tests SSHSIG signatures with the real ssh-keygen in both directions, and invalid signatures. */
import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { MusterError } from '../errors.ts'
import { systemRandom } from '../random.ts'
import { makeKey, runTool, tempFolder } from '../testing/openssh.ts'
import { loadKeyFile, saveKeyFile } from './key-file.ts'
import { formatPublicKeyLine, publicKeyBlob } from './public-key.ts'
import { generateKey } from './signer.ts'
import { sshString, sshUint32 } from './ssh-wire.ts'
import { armorSshsig, dearmorSshsig, parseSshsig, signSshsig, verifySshsig } from './sshsig.ts'

const deps = { random: systemRandom }
const key = generateKey(deps)
const other = generateKey(deps)
const MESSAGE = Buffer.from('{"verb":"run.start"}')
const refused = { code: 'identity.sshsig' }

interface Parts {
  magic?: string
  version?: number
  key?: Uint8Array
  namespace?: string
  reserved?: string
  hash?: string
  algorithm?: string
  signature?: Uint8Array
  after?: Uint8Array
}

/** Makes a signature from a valid one, with the faults that a test specifies. */
function assemble(good: ReturnType<typeof parseSshsig>, parts: Parts): Uint8Array {
  return Buffer.concat([
    Buffer.from(parts.magic ?? 'SSHSIG'),
    sshUint32(parts.version ?? 1),
    sshString(parts.key ?? publicKeyBlob(good.publicKey)),
    sshString(parts.namespace ?? good.namespace),
    sshString(parts.reserved ?? ''),
    sshString(parts.hash ?? good.hash),
    sshString(
      Buffer.concat([
        sshString(parts.algorithm ?? 'ssh-ed25519'),
        sshString(parts.signature ?? good.signature),
      ]),
    ),
    parts.after ?? new Uint8Array(0),
  ])
}

describe('SSHSIG', () => {
  test('ssh-keygen -Y verify accepts signatures for their bytes and namespace', async () => {
    await using folder = await tempFolder()
    await writeFile(folder.file('sig'), armorSshsig(await signSshsig(key, 'muster', MESSAGE)))
    await writeFile(
      folder.file('signers'),
      `op@fleet namespaces="muster" ${formatPublicKeyLine(key.publicKey)}\n`,
    )
    const verify = (namespace: string, input: Uint8Array): ReturnType<typeof runTool> =>
      runTool(
        'ssh-keygen',
        [
          '-Y',
          'verify',
          '-f',
          folder.file('signers'),
          '-I',
          'op@fleet',
          '-n',
          namespace,
          '-s',
          folder.file('sig'),
        ],
        {
          input,
        },
      )
    const good = await verify('muster', MESSAGE)
    assert.equal(good.code, 0, good.stderr)
    assert.match(
      good.stdout,
      new RegExp(
        'Good "muster" signature for op@fleet with ED25519 key ' +
          key.fingerprint.replace(/[+]/g, '\\+'),
      ),
    )
    assert.notEqual((await verify('muster-root', MESSAGE)).code, 0)
    assert.notEqual((await verify('muster', Buffer.from('other'))).code, 0)
  })

  test('verifies signatures of ssh-keygen -Y sign with either hash', async () => {
    await using folder = await tempFolder()
    const path = await makeKey(folder.file('k'))
    const { publicKey } = await loadKeyFile(path)
    for (const hash of ['sha512', 'sha256']) {
      const { stdout, stderr } = await runTool(
        'ssh-keygen',
        ['-Y', 'sign', '-f', path, '-n', 'muster', '-O', `hashalg=${hash}`],
        {
          input: MESSAGE,
        },
      )
      const binary = dearmorSshsig(stdout)
      assert.deepEqual(verifySshsig(binary, 'muster', MESSAGE), { publicKey }, stderr)
      assert.equal(parseSshsig(binary).hash, hash)
      assert.equal(armorSshsig(binary), stdout)
    }
  })

  test('signs byte for byte like ssh-keygen with the same key', async () => {
    await using folder = await tempFolder()
    await saveKeyFile(deps, folder.file('k'), key)
    const { stdout } = await runTool(
      'ssh-keygen',
      ['-Y', 'sign', '-f', folder.file('k'), '-n', 'muster-root'],
      { input: MESSAGE },
    )
    assert.equal(armorSshsig(await signSshsig(key, 'muster-root', MESSAGE)), stdout)
  })

  test('ID-18: rejects a signature of ssh-keygen for git or file', async () => {
    await using folder = await tempFolder()
    const path = await makeKey(folder.file('k'))
    for (const namespace of ['git', 'file', 'muster-root', 'muster ', 'Muster', 'muste']) {
      await writeFile(folder.file('m'), MESSAGE)
      await runTool('ssh-keygen', ['-Y', 'sign', '-f', path, '-n', namespace, folder.file('m')])
      const binary = dearmorSshsig(await readFile(folder.file('m.sig'), 'utf8'))
      assert.throws(() => verifySshsig(binary, 'muster', MESSAGE), {
        ...refused,
        message: /its namespace is/,
      })
      // Renaming the namespace in the envelope has no effect: it is signed.
      const renamed = assemble({ ...parseSshsig(binary), namespace: 'muster' }, {})
      assert.throws(() => verifySshsig(renamed, 'muster', MESSAGE), {
        ...refused,
        message: /does not match/,
      })
      await rm(folder.file('m.sig'))
    }
  })

  test('ID-19: rejects other versions, hashes, algorithms and trailing bytes', async () => {
    const good = parseSshsig(await signSshsig(key, 'muster', MESSAGE))
    assert.deepEqual(verifySshsig(assemble(good, {}), 'muster', MESSAGE), {
      publicKey: key.publicKey,
    })
    for (const [parts, reason] of [
      [{ magic: 'SSHSIg' }, /begin with SSHSIG/],
      [{ version: 0 }, /version is 0/],
      [{ version: 2 }, /version is 2/],
      [{ namespace: '' }, /namespace is empty/],
      [{ hash: 'md5' }, /hash is md5/],
      [{ hash: 'sha1' }, /hash is sha1/],
      [{ hash: 'sha256' }, /does not match/],
      [{ hash: '' }, /hash is/],
      [{ algorithm: 'ssh-rsa' }, /algorithm is ssh-rsa/],
      [{ algorithm: 'sk-ssh-ed25519@openssh.com' }, /algorithm is sk-/],
      [{ signature: good.signature.subarray(1) }, /not 64 bytes/],
      [{ signature: Buffer.concat([good.signature, Uint8Array.of(0)]) }, /not 64 bytes/],
      [{ after: Uint8Array.of(0) }, /1 bytes follow/],
      [{ key: publicKeyBlob(other.publicKey) }, /does not match/],
      [{ after: new Uint8Array(9000) }, /larger than/],
    ] as const satisfies readonly (readonly [Parts, RegExp])[])
      assert.throws(() => verifySshsig(assemble(good, parts), 'muster', MESSAGE), {
        ...refused,
        message: reason,
      })
    await assert.rejects(signSshsig(key, '', MESSAGE), refused)
  })

  test('ID-19: rejects a signature by an RSA key with any hash', async () => {
    await using folder = await tempFolder()
    const path = await makeKey(folder.file('k'), ['-t', 'rsa', '-b', '2048'])
    const { stdout } = await runTool('ssh-keygen', ['-Y', 'sign', '-f', path, '-n', 'muster'], {
      input: MESSAGE,
    })
    assert.throws(() => verifySshsig(dearmorSshsig(stdout), 'muster', MESSAGE), {
      code: 'identity.public-key',
      message: /type is ssh-rsa/,
    })
  })

  test('ID-19: accepts a reserved field, which is signed', async () => {
    // The same signature is rejected with a reserved field that it doesn't cover.
    const good = parseSshsig(await signSshsig(key, 'muster', MESSAGE))
    assert.throws(() => verifySshsig(assemble(good, { reserved: 'later' }), 'muster', MESSAGE), {
      ...refused,
      message: /does not match/,
    })
    // A signature that covers the field is accepted, and the field is ignored.
    let signed: Uint8Array = new Uint8Array(0)
    await signSshsig(
      { ...key, sign: async (bytes) => (signed = bytes).subarray(0, 64) },
      'muster',
      MESSAGE,
    )
    const withReserved = Buffer.concat([
      signed.subarray(0, 6 + 4 + 6),
      sshString('later'),
      signed.subarray(6 + 4 + 6 + 4),
    ])
    const signature = await key.sign(withReserved)
    assert.deepEqual(
      verifySshsig(assemble({ ...good, signature }, { reserved: 'later' }), 'muster', MESSAGE),
      { publicKey: key.publicKey },
    )
  })

  test('ID-19: rejects armor of a megabyte, with other frames or without base64', async () => {
    const text = armorSshsig(await signSshsig(key, 'muster', MESSAGE))
    assert.ok(dearmorSshsig(text.replaceAll('\n', '\r\n')))
    assert.ok(dearmorSshsig(`\n${text}\n`))
    for (const bad of [
      text.replace('\n', `\n${' '.repeat(1 << 20)}\n`),
      text.replace('BEGIN SSH SIGNATURE', 'BEGIN PGP SIGNATURE'),
      `x${text}`,
      `${text}x`,
      text.replace('U1NIU0lH', 'U1N*U0lH'),
      '-----BEGIN SSH SIGNATURE-----',
      '',
    ])
      assert.throws(() => dearmorSshsig(bad), refused)
  })

  test('any changed or missing byte of a signature is a Muster error', async () => {
    const binary = Buffer.from(await signSshsig(key, 'muster', MESSAGE))
    fc.assert(
      fc.property(
        fc.nat(binary.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(binary.length - 1),
        (at, flip, length) => {
          const changed = Buffer.from(binary)
          changed[at] = (changed[at] as number) ^ flip
          for (const candidate of [changed, binary.subarray(0, length)])
            assert.throws(
              () => verifySshsig(candidate, 'muster', MESSAGE),
              (error) => error instanceof MusterError && error.code.startsWith('identity.'),
            )
        },
      ),
      { numRuns: 400 },
    )
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }),
        (bytes, message) => {
          assert.throws(() => verifySshsig(bytes, 'muster', message), MusterError)
          assert.deepEqual(Buffer.from(dearmorSshsig(armorSshsig(bytes))), Buffer.from(bytes))
        },
      ),
    )
  })
})
