import assert from 'node:assert/strict'
import { mkdir, rm } from 'node:fs/promises'
import test from 'node:test'
import { z } from 'zod'
import { systemClock } from '../../shared/clock.ts'
import type { MusterError } from '../../shared/errors.ts'
import { generateKey } from '../../shared/identity/signer.ts'
import { blobId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { MIB } from '../../shared/units.ts'
import { blobs } from '../../protocols/blobs/protocol.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import type { Duplex } from '../../protocols/wire/duplex.ts'
import { encodeFrame } from '../../protocols/wire/frame.ts'
import { encodeRequest } from '../../protocols/wire/request.ts'
import { createTestFleet } from '../testing/fleet.ts'
import { addContent, contentOf, holder } from '../testing/holder.ts'

test('BT-05: rejects reversed, too long, unaligned and out-of-bounds ranges', async (t) => {
  const fleet = await createTestFleet()
  const [source, target] = [await holder(t, fleet, 'source'), await holder(t, fleet, 'target')]
  const { id, content } = await addContent(source.pool, 100_000)
  const size = content.length
  await target.node.dial((source.hint.addresses as string[])[0] as string)
  const loose = {
    ...blobs,
    methods: { ...blobs.methods, fetch: { ...blobs.methods.fetch, request: z.any() } },
  }
  const client = openClient(loose, await target.node.open(source.node.peerId, blobs.id), {
    clock: systemClock,
  })
  const ask = (start: number, end: number, claimed = size): Promise<unknown> =>
    client.call('fetch', { id, size: claimed, start, end }, { onData: () => undefined })
  for (const [start, end] of [
    [32_768, 16_384],
    [0, size + 1],
    [size, size],
    [-16_384, 16_384],
    [0.5, 16_384],
    [0, 2 ** 53],
  ] as const) {
    await assert.rejects(ask(start, end), { code: 'protocol.malformed' }, `${start}-${end}`)
  }
  await assert.rejects(ask(1, 16_384), { code: 'blob.range' })
  await assert.rejects(ask(0, 16_385), { code: 'blob.range' })
  await assert.rejects(ask(0, 16_384, size + 1), { code: 'blob.size' })
  await assert.rejects(ask(0, 65 * MIB, 100 * MIB), { code: 'protocol.too-large' })
  assert.equal(((await ask(0, size)) as { bytes: number }).bytes > size, true)
})

test('BT-12: denies a stranger in the same way for present and absent blobs', async (t) => {
  const fleet = await createTestFleet()
  const source = await holder(t, fleet, 'source')
  const { id } = await addContent(source.pool, 1000)
  const stranger = await fleet.node(t, { role: undefined, name: 'stranger' }, { listen: [] })
  await stranger.dial((source.hint.addresses as string[])[0] as string)
  const answers: unknown[] = []
  for (const asked of [id, blobId.parse('0'.repeat(64))]) {
    const client = openClient(blobs, await stranger.open(source.node.peerId, blobs.id), {
      clock: systemClock,
    })
    const error = await client
      .call('fetch', { id: asked, size: 1000, start: 0, end: 1000 })
      .catch((reason: unknown) => reason as { code: string; data: object })
    answers.push([(error as { code: string }).code, (error as { data: object }).data])
  }
  assert.deepEqual(answers[0], answers[1])
  assert.equal((answers[0] as string[])[0], 'protocol.denied')
})

test('transfer: serves all concurrent requests of one member at once', async (t) => {
  const fleet = await createTestFleet()
  const source = await holder(t, fleet, 'source')
  const { id, content } = await addContent(source.pool, 8 * MIB)
  const target = await holder(t, fleet, 'target')
  await target.node.dial((source.hint.addresses as string[])[0] as string)
  // Each call receives a first piece, and then waits until all calls have one. A slow line has the
  // same effect.
  const all = 16
  let begun = 0
  const everybody = Promise.withResolvers<void>()
  const calls = Array.from({ length: all }, async () => {
    const client = openClient(blobs, await target.node.open(source.node.peerId, blobs.id), {
      clock: systemClock,
    })
    let first = true
    const onData = async (): Promise<void> => {
      if (first) begun += 1
      first = false
      if (begun === all) everybody.resolve()
      await everybody.promise
    }
    return client.call(
      'fetch',
      { id, size: content.length, start: 0, end: content.length },
      { onData },
    )
  })
  for (const { bytes } of await Promise.all(calls)) assert.ok(bytes > content.length)
})

test('TR-05: a member that does not read blocks no other member', async (t) => {
  const fleet = await createTestFleet()
  const source = await holder(t, fleet, 'source')
  const { id, content } = await addContent(source.pool, 8 * MIB)
  // One key has several connections. Each is full of streams that request the whole blob and never
  // read a byte.
  const key = generateKey({ random: systemRandom })
  const stuck: Duplex[] = []
  for (let connection = 0; connection < 6; connection += 1) {
    const hostile = await fleet.node(t, { role: 'agent', name: 'hostile' }, { key, listen: [] })
    await hostile.dial((source.hint.addresses as string[])[0] as string)
    for (let i = 0; i < blobs.limits.maxOutboundStreams; i += 1) {
      const duplex = await hostile.open(source.node.peerId, blobs.id)
      // An idle reader closes the window. Without a reader, the stream would be reset.
      duplex.source[Symbol.asyncIterator]()
      await duplex.write(
        encodeFrame(
          'request',
          encodeRequest('fetch', { id, size: content.length, start: 0, end: content.length }),
        ),
      )
      stuck.push(duplex)
    }
  }
  const targets = await Promise.all(
    Array.from({ length: 3 }, (_, i) => holder(t, fleet, `target-${i}`)),
  )
  await Promise.all(targets.map((target) => target.fetch(id, [source.hint], { stallMs: 5_000 })))
  for (const target of targets) assert.ok(content.equals(await contentOf(target.pool, id)))
  for (const duplex of stuck) duplex.abort(new Error('done'))
})

test('transfer: reports a failing disk without its paths', async (t) => {
  const fleet = await createTestFleet()
  const source = await holder(t, fleet, 'source')
  const { id, content } = await addContent(source.pool, 100_000)
  // A folder in place of the outboard can't be read as a file, not even by root.
  await rm(`${source.pool.path(id)}.outboard`)
  await mkdir(`${source.pool.path(id)}.outboard`)
  const target = await holder(t, fleet, 'target')
  const failure = await target
    .fetch(id, [source.hint], { size: content.length })
    .catch((error: Error) => error)
  assert.match(String(failure), /the other side failed inside blobs fetch/)
  assert.ok(!JSON.stringify((failure as MusterError).data).includes(source.pool.folder))
  assert.ok(
    source.node.log.lines.some(
      ({ level, message }) => level === 'error' && message === 'handler failed',
    ),
  )
})

test('transfer: eight clients get one blob while others reset their streams', async (t) => {
  const fleet = await createTestFleet()
  const source = await holder(t, fleet, 'source')
  const { id, content } = await addContent(source.pool, 6 * MIB)
  const targets = await Promise.all(Array.from({ length: 8 }, (_, i) => holder(t, fleet, `t${i}`)))
  const vandals = await Promise.all(Array.from({ length: 4 }, (_, i) => holder(t, fleet, `v${i}`)))
  const vandalism = vandals.map(async (vandal, i) => {
    await vandal.node.dial((source.hint.addresses as string[])[0] as string)
    for (let round = 0; round < 6; round += 1) {
      const duplex = await vandal.node.open(source.node.peerId, blobs.id)
      const client = openClient(blobs, duplex, { clock: systemClock })
      const call = client.call(
        'fetch',
        { id, size: content.length, start: 0, end: content.length },
        { onData: () => (i % 2 === 0 ? client.abort(new Error('reset')) : duplex.close()) },
      )
      await call.catch(() => undefined)
    }
  })
  await Promise.all(targets.map((target) => target.fetch(id, [source.hint])))
  await Promise.all(vandalism)
  for (const target of targets) assert.ok(content.equals(await contentOf(target.pool, id)))
  assert.equal(source.node.peers().length, 12)
})
