/** Tests the real ssh-agent, and agents that respond wrongly, slowly or never. */
import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../clock.ts'
import { MusterError } from '../errors.ts'
import { systemRandom } from '../random.ts'
import { makeKey, startSshAgent, tempFolder } from '../testing/openssh.ts'
import { verifyEd25519 } from './ed25519.ts'
import { saveKeyFile } from './key-file.ts'
import { publicKeyBlob } from './public-key.ts'
import { generateKey } from './signer.ts'
import { listAgentKeys } from './ssh-agent.ts'
import { signSshsig, verifySshsig } from './sshsig.ts'
import { sshString, sshUint32 } from './ssh-wire.ts'

const deps = { clock: systemClock, random: systemRandom }
const key = generateKey(deps, { comment: 'held' })
const other = generateKey(deps)

/**
 * Starts a server of the agent's protocol. `answer` returns the bytes for one request, or undefined
 * for no response.
 */
async function fakeAgent(
  socket: string,
  answer: (
    request: Uint8Array,
    connection: Socket,
  ) => Uint8Array | undefined | Promise<Uint8Array | undefined>,
) {
  const connections = new Set<Socket>()
  const server = createServer((connection) => {
    connections.add(connection)
    connection.on('error', () => {})
    connection.once('data', (bytes) => {
      void Promise.resolve(answer(bytes.subarray(4), connection)).then(
        (reply) => reply !== undefined && connection.end(reply),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return {
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        for (const connection of connections) connection.destroy()
        server.close(() => resolve())
      }),
  }
}

const framed = (body: Uint8Array): Uint8Array => Buffer.concat([sshUint32(body.length), body])
const identities = (...blobs: Uint8Array[]): Uint8Array =>
  framed(
    Buffer.concat([
      Uint8Array.of(12),
      sshUint32(blobs.length),
      ...blobs.flatMap((blob) => [sshString(blob), sshString('c')]),
    ]),
  )
const signatureAnswer = (signature: Uint8Array, algorithm = 'ssh-ed25519'): Uint8Array =>
  framed(
    Buffer.concat([
      Uint8Array.of(14),
      sshString(Buffer.concat([sshString(algorithm), sshString(signature)])),
    ]),
  )

describe('ssh-agent', () => {
  test('lists its ed25519 keys, skips others, and signs', async () => {
    await using folder = await tempFolder()
    await using agent = await startSshAgent(folder.file('agent'))
    assert.deepEqual(await listAgentKeys(deps, agent), [])
    await saveKeyFile(deps, folder.file('k'), key)
    await agent.add(folder.file('k'))
    await agent.add(await makeKey(folder.file('rsa'), ['-t', 'rsa', '-b', '2048']))
    const [signer, ...rest] = await listAgentKeys(deps, agent)
    assert.ok(signer)
    assert.deepEqual(rest, [])
    assert.equal(signer.comment, 'held')
    assert.equal(signer.fingerprint, key.fingerprint)
    const bytes = Buffer.from('to be signed')
    assert.equal(verifyEd25519(key.publicKey, bytes, await signer.sign(bytes)), true)
    const statement = await signSshsig(signer, 'muster', bytes)
    assert.deepEqual(verifySshsig(statement, 'muster', bytes).publicKey, key.publicKey)
  })

  test('a missing agent is reported as such', async () => {
    await using folder = await tempFolder()
    await assert.rejects(listAgentKeys(deps, { socket: folder.file('none') }), {
      code: 'identity.agent',
      message: /no process listens/,
      exit: 'unreachable',
    })
  })

  test('ID-23: a refusal, a bad response, no response and 4 GiB are agent errors', async () => {
    await using folder = await tempFolder()
    const answers: [Uint8Array, RegExp][] = [
      [framed(Uint8Array.of(5)), /refused to list/],
      [framed(Uint8Array.of(99)), /answer 99/],
      [new Uint8Array(0), /closed the connection/],
      [Uint8Array.of(0, 0, 0), /closed the connection/],
      [Uint8Array.of(0, 0, 0, 0), /announced an answer of 0/],
      [Uint8Array.of(255, 255, 255, 255, 12), /announced an answer of 4294967295/],
      [
        Buffer.concat([sshUint32(256 * 1024 + 1), Uint8Array.of(12)]),
        /announced an answer of 262145/,
      ],
      [framed(Buffer.concat([Uint8Array.of(12), sshUint32(1)])), /malformed/],
      [framed(Buffer.concat([Uint8Array.of(12), sshUint32(2 ** 32 - 1)])), /malformed/],
      [
        framed(Buffer.concat([Uint8Array.of(12), sshUint32(1), sshUint32(2 ** 32 - 1)])),
        /malformed/,
      ],
    ]
    let next = 0
    await using _ = await fakeAgent(
      folder.file('fake'),
      () => (answers[next] as [Uint8Array, RegExp])[0],
    )
    for (const [, reason] of answers) {
      await assert.rejects(listAgentKeys(deps, { socket: folder.file('fake') }), {
        code: 'identity.agent',
        message: reason,
      })
      next += 1
    }
  })

  test('ID-23: a hanging agent is a timeout; an aborted request ends at once', async () => {
    await using folder = await tempFolder()
    const controller = new AbortController()
    await using _ = await fakeAgent(folder.file('fake'), () => undefined)
    await assert.rejects(listAgentKeys(deps, { socket: folder.file('fake'), timeoutMs: 50 }), {
      code: 'identity.agent',
      message: /no answer within/,
    })
    const pending = listAgentKeys(deps, { socket: folder.file('fake') }, controller.signal)
    controller.abort(new Error('enough'))
    await assert.rejects(pending, /enough/)
  })

  test('ID-23: the time limit includes a response that arrives byte by byte', async () => {
    await using folder = await tempFolder()
    await using _ = await fakeAgent(folder.file('fake'), async (_request, connection) => {
      connection.write(sshUint32(200_000))
      while (!connection.destroyed) {
        connection.write(Uint8Array.of(12))
        await systemClock.sleep(10)
      }
      return undefined
    })
    await assert.rejects(listAgentKeys(deps, { socket: folder.file('fake'), timeoutMs: 100 }), {
      message: /no answer within/,
    })
  })

  test('ID-23: rejects a signature of another key, algorithm or text', async () => {
    await using folder = await tempFolder()
    const bytes = Buffer.from('to be signed')
    const good = await key.sign(bytes)
    const answers: [Uint8Array, RegExp][] = [
      [framed(Uint8Array.of(5)), /refused to sign/],
      [signatureAnswer(await other.sign(bytes)), /not valid/],
      [signatureAnswer(await key.sign(Buffer.from('noise-libp2p-static-key:'))), /not valid/],
      [signatureAnswer(new Uint8Array(64)), /not valid/],
      [signatureAnswer(good.subarray(1)), /not valid/],
      [signatureAnswer(good, 'ssh-rsa'), /signed as ssh-rsa/],
      [
        framed(Buffer.concat([signatureAnswer(good).subarray(4), Uint8Array.of(0)])),
        /bytes follow/,
      ],
      [framed(Uint8Array.of(14)), /malformed/],
    ]
    let next = 0
    await using _ = await fakeAgent(folder.file('fake'), (request) =>
      request[0] === 11
        ? identities(publicKeyBlob(key.publicKey))
        : (answers[next] ?? [signatureAnswer(good)])[0],
    )
    const [signer] = await listAgentKeys(deps, { socket: folder.file('fake') })
    assert.ok(signer)
    for (const [, reason] of answers) {
      await assert.rejects(signer.sign(bytes), { code: 'identity.agent', message: reason })
      next += 1
    }
    assert.deepEqual(await signer.sign(bytes), good)
  })

  test('ID-03: skips a small-order key in an agent', async () => {
    await using folder = await tempFolder()
    const identity = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
    await using _ = await fakeAgent(folder.file('fake'), () =>
      identities(publicKeyBlob(identity), publicKeyBlob(key.publicKey), sshString('x')),
    )
    const signers = await listAgentKeys(deps, { socket: folder.file('fake') })
    assert.deepEqual(
      signers.map((signer) => signer.fingerprint),
      [key.fingerprint],
    )
  })

  test('arbitrary responses of an agent throw only identity.agent', async () => {
    await using folder = await tempFolder()
    let reply: Uint8Array = new Uint8Array(0)
    await using _ = await fakeAgent(folder.file('fake'), () => reply)
    const good = identities(publicKeyBlob(key.publicKey))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 5),
        fc.nat(255),
        fc.nat(good.length),
        async (at, value, length) => {
          const changed = Buffer.from(good)
          changed[at + 4] = value
          reply = length % 3 === 0 ? good.subarray(0, length) : changed
          try {
            await listAgentKeys(deps, { socket: folder.file('fake') })
          } catch (error) {
            assert.ok(
              error instanceof MusterError && error.code === 'identity.agent',
              String(error),
            )
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})
