import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { streamPair } from '@libp2p/utils'
import { systemClock } from '../../shared/clock.ts'
import { KIB, MIB } from '../../shared/units.ts'
import { blobs } from '../../protocols/blobs/protocol.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { MAX_STREAM_WINDOW_BYTES, STREAM_BUFFER_BYTES } from './limits.ts'
import { streamDuplex } from './stream-duplex.ts'
import { addressOf, createTestFleet } from '../testing/fleet.ts'

/** Connects two real nodes. `open` opens a stream between them and returns both ends. */
async function ends(t: TestContext): Promise<{ open(): Promise<{ near: Duplex; far: Duplex }> }> {
  const fleet = await createTestFleet()
  const accepted: ((far: Duplex) => void)[] = []
  const server = await fleet.node(t, { role: 'coordinator', name: 'coord' })
  await server.handle(
    { ...blobs, limits: { ...blobs.limits, maxInboundStreams: 64 } },
    async (far) => accepted.shift()?.(far),
  )
  const client = await fleet.node(t, { role: 'agent', name: 'web-1' })
  await client.dial(addressOf(server))
  return {
    open: async () => {
      const { promise, resolve } = Promise.withResolvers<Duplex>()
      accepted.push(resolve)
      const near = await client.open(server.peerId, blobs.id)
      return { near, far: await promise }
    },
  }
}

async function readAll(duplex: Duplex): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(duplex.source))
}

test('duplex: after a half-close the other direction still works', async (t) => {
  const { open } = await ends(t)
  const { near, far } = await open()
  await near.write(Buffer.from('ques'), Buffer.from('tion'))
  await near.close()
  assert.equal((await readAll(far)).toString(), 'question')
  await far.write(Buffer.from('answer'))
  await far.close()
  await far.close()
  assert.equal((await readAll(near)).toString(), 'answer')
  await assert.rejects(near.write(Buffer.from('more')), { code: 'protocol.closed' })
})

test('duplex: after a reset, the reader fails and neither end can write', async (t) => {
  const { open } = await ends(t)
  const { near, far } = await open()
  await far.write(Buffer.from('last words'))
  const reader = near.source[Symbol.asyncIterator]()
  assert.equal(Buffer.from((await reader.next()).value as Uint8Array).toString(), 'last words')
  far.abort(new Error('enough'))
  await assert.rejects(reader.next(), { code: 'protocol.closed' })
  await assert.rejects(near.write(Buffer.alloc(1)), { code: 'protocol.closed' })
  await assert.rejects(far.write(Buffer.alloc(1)), { code: 'protocol.closed' })
  near.abort(new Error('twice'))
})

test('TR-05: a writer stops at the window of a reader that does not read', async (t) => {
  const { open } = await ends(t)
  const { near, far } = await open()
  const reader = near.source[Symbol.asyncIterator]()
  let sent = 0
  const total = 48 * MIB
  const writing = (async () => {
    for (const chunk = Buffer.alloc(256 * KIB, 1); sent < total; sent += chunk.length)
      await far.write(chunk)
    await far.close()
  })()
  let before = -1
  while (sent > before) {
    before = sent
    await systemClock.sleep(150)
  }
  // The sum of the window, the bytes that wait in the writer, one chunk, and the sockets of the
  // system.
  assert.ok(
    sent <= MAX_STREAM_WINDOW_BYTES + STREAM_BUFFER_BYTES + 8 * MIB,
    `${sent} bytes are on their way to a reader that reads nothing`,
  )
  let got = 0
  for (let item = await reader.next(); item.done !== true; item = await reader.next())
    got += item.value.length
  await writing
  assert.equal(got, total)
})

test('TR-05: joins single bytes for a paused reader into blocks', async (t) => {
  const { open } = await ends(t)
  const { near, far } = await open()
  const reader = far.source[Symbol.asyncIterator]()
  // The test first sends more than the Duplex buffers, so that libp2p's buffer fills too. It then
  // sends the rest of the window in single bytes.
  const first = Buffer.alloc(600 * KIB, 255)
  await near.write(first)
  const singles = 30_000
  for (let i = 0; i < singles; i += 1) await near.write(Uint8Array.of(i % 251))
  void near.close()
  const chunks: Uint8Array[] = []
  for (let item = await reader.next(); item.done !== true; item = await reader.next())
    chunks.push(item.value)
  const all = Buffer.concat(chunks)
  assert.ok(all.subarray(0, first.length).equals(first))
  assert.ok(
    all
      .subarray(first.length)
      .equals(Buffer.from(Array.from({ length: singles }, (_, i) => i % 251))),
  )
  assert.ok(chunks.length < 1000, `${chunks.length} pieces were kept`)
})

test("TR-05: libp2p's buffer of a paused stream joins single bytes into blocks", async () => {
  const [near, far] = await streamPair()
  const reader = streamDuplex(far).source[Symbol.asyncIterator]()
  // The muxer passes frames of one byte in this way.
  const inside = far as unknown as {
    onData(bytes: Uint8Array): void
    readBuffer: { bufs: Uint8Array[] }
  }
  far.pause()
  const singles = 20_000
  for (let i = 0; i < singles; i += 1) inside.onData(Uint8Array.of(i % 251))
  assert.equal(far.readBufferLength, singles)
  assert.ok(inside.readBuffer.bufs.length < 50, `${inside.readBuffer.bufs.length} pieces are kept`)
  far.resume()
  let got = Buffer.alloc(0)
  while (got.length < singles) got = Buffer.concat([got, (await reader.next()).value as Uint8Array])
  assert.ok(got.equals(Buffer.from(Array.from({ length: singles }, (_, i) => i % 251))))
  near.abort(new Error('done'))
})

test('duplex: a slow reader gets every byte in order', async (t) => {
  const { open } = await ends(t)
  const { near, far } = await open()
  const total = 12 * MIB
  void (async () => {
    for (let at = 0; at < total; at += 64 * KIB) {
      const chunk = Buffer.alloc(64 * KIB)
      for (let i = 0; i < chunk.length; i += 4) chunk.writeUInt32BE(at + i, i)
      await far.write(chunk)
    }
    await far.close()
  })()
  let at = 0
  let naps = 0
  for await (const chunk of near.source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (let i = (4 - (at % 4)) % 4; i + 4 <= bytes.length; i += 16 * KIB)
      assert.equal(bytes.readUInt32BE(i), at + i)
    at += bytes.length
    if (at > naps * MIB) {
      naps += 1
      await systemClock.sleep(20)
    }
  }
  assert.equal(at, total)
})

test('duplex: forty streams stay separate while a third of them is reset', async (t) => {
  const { open } = await ends(t)
  const work = async (n: number): Promise<void> => {
    const { near, far } = await open()
    const fill = Buffer.alloc(512 * KIB, n)
    if (n % 3 === 0) {
      await far.write(fill)
      far.abort(new Error('reset'))
      await assert.rejects(readAll(near), { code: 'protocol.closed' })
      return
    }
    void far.write(fill).then(() => far.close())
    assert.ok((await readAll(near)).equals(fill), `stream ${n}`)
    await near.close()
  }
  for (let round = 0; round < 2; round += 1)
    await Promise.all(Array.from({ length: 20 }, (_, n) => work(n + 1)))
})
