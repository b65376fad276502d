import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import test, { type TestContext } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { generateCertificate } from '@libp2p/tls/utils'
import { yamux } from '@libp2p/yamux'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { systemClock } from '../../shared/clock.ts'
import { type TestNode, addressOf, createTestFleet } from '../testing/fleet.ts'
import { directTls } from './tls.ts'
import { TlsStream } from './tls-stream.ts'

type Encrypter = NonNullable<
  NonNullable<Parameters<typeof createLibp2p>[0]>['connectionEncrypters']
>[number]

/** Creates a plain libp2p node with one encrypter, as other programs do. */
async function plainNode(
  t: TestContext,
  encrypter: Encrypter,
  privateKey?: PrivateKey,
): Promise<Libp2p<{ ping: Ping }>> {
  const node = await createLibp2p({
    privateKey: privateKey ?? (await generateKeyPair('Ed25519')),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [encrypter],
    streamMuxers: [yamux()],
    services: { ping: ping() },
  })
  t.after(() => node.stop())
  return node
}

async function member(t: TestContext): Promise<TestNode> {
  const fleet = await createTestFleet()
  return fleet.node(t, { role: 'coordinator', name: 'coord' })
}

/** Sends a line of multistream-select and returns the next line of the peer. */
async function select(socket: Socket, protocol: string): Promise<string> {
  socket.write(Buffer.from([protocol.length + 1, ...Buffer.from(`${protocol}\n`)]))
  for (;;) {
    const length = socket.read(1) as Buffer | null
    const line = length === null ? null : (socket.read(length[0]) as Buffer | null)
    if (line !== null) return line.toString().trim()
    if (length !== null) socket.unshift(length)
    await once(socket, 'readable')
  }
}

/** Resolves when the socket is closed for any reason. */
function closed(socket: Socket): Promise<void> {
  socket.on('error', () => undefined)
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
}

async function openSocket(node: TestNode): Promise<Socket> {
  const socket = connect(Number(addressOf(node).split('/')[4]), '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  assert.equal(await select(socket, '/multistream/1.0.0'), '/multistream/1.0.0')
  return socket
}

test('handshake: TLS uses the TCP socket directly on both sides', async (t) => {
  const [a, b] = [
    await plainNode(t, directTls({ clock: systemClock })),
    await plainNode(t, directTls({ clock: systemClock })),
  ]
  await b.dial(a.getMultiaddrs())
  for (const node of [a, b]) {
    while (node.getConnections().length === 0) await systemClock.sleep(5)
    const { muxer } = node.getConnections()[0] as unknown as { muxer: { maConn: unknown } }
    assert.ok(muxer.maConn instanceof TlsStream)
  }
  assert.ok((await b.services.ping.ping(a.peerId)) >= 0)
})

test("handshake: connects with libp2p's TLS and with noise, in both directions", async (t) => {
  const node = await member(t)
  for (const encrypter of [tls() as Encrypter, noise() as Encrypter]) {
    const other = await plainNode(t, encrypter)
    await other.dial(multiaddr(addressOf(node)))
    assert.ok((await other.services.ping.ping(peerIdFromString(node.peerId))) >= 0)
    await other.hangUp(peerIdFromString(node.peerId))
    // The handshake succeeds. The peer only lacks the protocols of Muster.
    const [address] = other.getMultiaddrs()
    await assert.rejects(node.dial(String(address)), { code: 'protocol.unsupported' })
  }
})

test('ID-07: rejects RSA and secp256k1 keys, over TLS and over noise', async (t) => {
  const node = await member(t)
  // libp2p itself has no peer ids for ECDSA keys.
  for (const key of [
    await generateKeyPair('RSA', 2048),
    await generateKeyPair('secp256k1'),
  ] as PrivateKey[]) {
    for (const encrypter of [tls() as Encrypter, noise() as Encrypter]) {
      const other = await plainNode(t, encrypter, key)
      const outcome = await other.dial(multiaddr(addressOf(node))).then(
        async (connection) => {
          // In TLS 1.3, the client has finished before the server checks its certificate. The
          // refusal is the end of the connection.
          while (connection.status === 'open') await systemClock.sleep(5)
          return 'refused'
        },
        () => 'refused',
      )
      assert.equal(outcome, 'refused')
      assert.deepEqual(node.peers(), [])
      await assert.rejects(
        node.dial(String(other.getMultiaddrs()[0])),
        { code: 'node.address' },
        'the peer id is rejected before the dial',
      )
    }
  }
})

test('ID-06: after a hundred handshakes with forged keys, a node accepts others', async (t) => {
  const node = await member(t)
  const der = Buffer.from('30820122300d06092a864886f70d01010105000384ffffffff', 'hex')
  const forged = {
    type: 'RSA',
    publicKey: { raw: der },
    sign: async () => new Uint8Array(64),
  } as unknown as PrivateKey
  const { cert, key } = await generateCertificate(forged)
  const attack = async (): Promise<void> => {
    const socket = await openSocket(node)
    assert.equal(await select(socket, '/tls/1.0.0'), '/tls/1.0.0')
    const secure = tlsConnect({
      socket,
      cert,
      key,
      rejectUnauthorized: false,
      ALPNProtocols: ['libp2p'],
      minVersion: 'TLSv1.3',
    })
    secure.resume()
    await closed(secure)
  }
  for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 5 }, attack))
  assert.deepEqual(node.peers(), [])
  const other = await plainNode(t, tls())
  await other.dial(multiaddr(addressOf(node)))
})

test('TR-11: does not offer plaintext or mplex', async (t) => {
  const node = await member(t)
  const socket = await openSocket(node)
  assert.equal(await select(socket, '/plaintext/2.0.0'), 'na')
  assert.equal(await select(socket, '/secio/1.0.0'), 'na')
  assert.equal(await select(socket, '/tls/1.0.0'), '/tls/1.0.0')
  const { cert, key } = await generateCertificate(await generateKeyPair('Ed25519'))
  const secure = tlsConnect({
    socket,
    cert,
    key,
    rejectUnauthorized: false,
    ALPNProtocols: ['libp2p'],
    minVersion: 'TLSv1.3',
  })
  t.after(() => secure.destroy())
  await once(secure, 'secureConnect')
  assert.equal(secure.alpnProtocol, 'libp2p')
  assert.equal(await select(secure, '/multistream/1.0.0'), '/multistream/1.0.0')
  assert.equal(await select(secure, '/mplex/6.7.0'), 'na')
  assert.equal(await select(secure, '/yamux/1.0.0'), '/yamux/1.0.0')
})

test('handshake: rejects TLS 1.2, a missing certificate and an incomplete handshake', async (t) => {
  const node = await member(t)
  const attempts: { maxVersion?: 'TLSv1.2'; half?: boolean }[] = [
    {},
    { maxVersion: 'TLSv1.2' },
    { half: true },
  ]
  for (const options of attempts) {
    const socket = await openSocket(node)
    await select(socket, '/tls/1.0.0')
    if (options.half === true) {
      // The client hello is incomplete.
      socket.end(Buffer.from('16030100f8010000f4', 'hex'))
      socket.resume()
      await closed(socket)
      continue
    }
    const secure = tlsConnect({
      socket,
      rejectUnauthorized: false,
      ALPNProtocols: ['libp2p'],
      ...options,
    })
    secure.resume()
    await closed(secure)
  }
  assert.deepEqual(node.peers(), [])
})
