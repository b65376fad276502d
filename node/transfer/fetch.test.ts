import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import test from 'node:test'
import type { Pool } from '../../shared/blobs/pool.ts'
import { systemClock } from '../../shared/clock.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { generateKey } from '../../shared/identity/signer.ts'
import { type BlobId, blobId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { errnoError, type Step, watchedDisk } from '../../shared/testing/faulty-disk.ts'
import { KIB, MIB } from '../../shared/units.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { createTestFleet } from '../testing/fleet.ts'
import { addContent, contentOf, holder, putContent } from '../testing/holder.ts'
import { fetchBlob, type Found } from './fetch.ts'

test('fetch: connects to a provider and reports progress', async (t) => {
  const fleet = await createTestFleet()
  const [source, target] = [await holder(t, fleet, 'source'), await holder(t, fleet, 'target')]
  const { id, content } = await addContent(source.pool, 5 * MIB + 123)
  const reports: number[] = []
  const done = await target.fetch(id, [source.hint], {
    progress: ({ verified }) => reports.push(verified),
  })
  assert.equal(done.size, content.length)
  assert.ok(content.equals(await contentOf(target.pool, id)))
  assert.equal(reports.at(-1), content.length)
  assert.deepEqual(await target.fetch(id, []), { size: content.length })
})

test('fetch: fetches blobs of 0 bytes, 1 byte, 16 KiB and one byte less or more', async (t) => {
  const fleet = await createTestFleet()
  const [source, target] = [await holder(t, fleet, 'source'), await holder(t, fleet, 'target')]
  for (const size of [0, 1, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1]) {
    const { id, content } = await addContent(source.pool, size)
    await target.fetch(id, [source.hint])
    assert.ok(content.equals(await contentOf(target.pool, id)), `${size} bytes`)
  }
})

test('fetch: several providers share the work', async (t) => {
  const fleet = await createTestFleet()
  const served = new Map<string, number>()
  const names = ['a', 'b', 'c']
  const sources = await Promise.all(
    names.map((name) =>
      holder(t, fleet, name, (honest) => ({
        fetch: async (request, context) => {
          served.set(name, (served.get(name) ?? 0) + request.end - request.start)
          return honest.fetch(request, context)
        },
      })),
    ),
  )
  const target = await holder(t, fleet, 'target')
  const { id, content } = await addContent((sources[0] as (typeof sources)[0]).pool, 24 * MIB)
  for (const source of sources.slice(1))
    await source.fetch(id, [(sources[0] as (typeof sources)[0]).hint])
  served.clear()
  await target.fetch(
    id,
    sources.map(({ hint }) => hint),
  )
  assert.ok(content.equals(await contentOf(target.pool, id)))
  assert.equal(served.size, 3)
  const total = [...served.values()].reduce((sum, bytes) => sum + bytes, 0)
  assert.ok(total <= 32 * MIB, `${total} bytes were asked for to get 24 MiB`)
})

test('fetch: reports an absent blob, an unreachable provider and no provider', async (t) => {
  const fleet = await createTestFleet()
  const [source, target] = [await holder(t, fleet, 'source'), await holder(t, fleet, 'target')]
  const id = blobId.parse('7'.repeat(64))
  await assert.rejects(target.fetch(id, [source.hint]), { code: 'blob.unknown', exit: 'notFound' })
  await assert.rejects(target.fetch(id, []), { code: 'blob.unknown' })
  await source.node.close()
  await assert.rejects(target.fetch(id, [source.hint]), {
    code: 'transfer.unreachable',
    exit: 'unreachable',
  })
  await assert.rejects(target.fetch(id, [source.hint], { size: 100 }), {
    code: 'transfer.incomplete',
    exit: 'unreachable',
  })
})

test('fetch: combines parts of several providers, reports a missing part', async (t) => {
  const fleet = await createTestFleet()
  const size = 6 * MIB
  const parts = [
    { start: 0, end: 2 * MIB },
    { start: 2 * MIB, end: 5 * MIB },
    { start: 4 * MIB, end: size },
  ]
  const sources = await Promise.all(
    parts.map((part, i) =>
      holder(t, fleet, `part-${i}`, (honest) => ({
        have: async ({ ids }) => ({ holdings: ids.map(() => ({ size, ranges: [part] })) }),
        fetch: async (request, context) => {
          if (request.start < part.start || request.end > part.end)
            throw new Error('it was asked for what it did not offer')
          return honest.fetch(request, context)
        },
      })),
    ),
  )
  const target = await holder(t, fleet, 'target')
  const { id, content } = await addContent((sources[0] as (typeof sources)[0]).pool, size)
  for (const { pool } of sources.slice(1)) await putContent(pool, content)
  const hints = sources.map(({ hint }) => hint)
  await assert.rejects(target.fetch(id, hints.slice(0, 2)), {
    code: 'transfer.incomplete',
    exit: 'unreachable',
    data: { id, missing: MIB, size, providers: 2, reason: 'they hold only part of it' },
  })
  await target.fetch(id, hints)
  assert.ok(content.equals(await contentOf(target.pool, id)))
  for (const { node } of sources) assert.ok(!node.log.lines.some(({ level }) => level === 'error'))
})

test('fetch: a full disk ends the fetch at once', async (t) => {
  const fleet = await createTestFleet()
  let full = true
  // There is space for the header of an outboard, so that the false claim gets as far as possible.
  // (An outboard is the file with a blob's tree of hashes.)
  const before = ({ name, args }: Step): void => {
    if (full && name === 'write' && (args[1] as Uint8Array[]).some((part) => part.length > 8))
      throw errnoError('ENOSPC')
  }
  const honest = [await holder(t, fleet, 'honest-0'), await holder(t, fleet, 'honest-1')] as const
  const liar = await holder(t, fleet, 'liar', () => ({
    have: async ({ ids }) => ({ holdings: ids.map(() => ({ size: 77 })) }),
  }))
  const target = await holder(t, fleet, 'target', undefined, watchedDisk({ before }))
  const { id, content } = await addContent(honest[0].pool, 100_000)
  await putContent(honest[1].pool, content)
  const hints = [honest[0].hint, honest[1].hint, liar.hint]
  await assert.rejects(target.fetch(id, hints), { code: 'blob.no-space' })
  full = false
  assert.equal((await target.fetch(id, hints)).size, content.length)
})

test('BT-01: drops a provider at its first altered group and keeps no altered byte', async (t) => {
  const fleet = await createTestFleet()
  // The offsets are in the first group, in a parent node, in the middle, and in the last group.
  // BT-03 tests the length at the beginning.
  for (const [name, offset] of [
    ['first', 2_000],
    ['parent', 40],
    ['middle', 1_600_000],
    ['last', 3 * MIB - 10],
  ] as const) {
    let lies = 0
    const liar = await holder(t, fleet, `liar-${name}`, (honest) => ({
      fetch: async (request, context) => {
        // The encoding of a range is a little longer than the range. The altered byte is therefore
        // in the same group or the previous one.
        const position = offset - request.start
        let at = 0
        const send = async (bytes: Uint8Array): Promise<void> => {
          const copy = Uint8Array.from(bytes)
          if (position >= at && position < at + copy.length) {
            copy[position - at] = (copy[position - at] as number) ^ 1
            lies += 1
          }
          at += copy.length
          await context.send(copy)
        }
        return honest.fetch(request, { ...context, send })
      },
    }))
    const honest = await holder(t, fleet, `honest-${name}`)
    const target = await holder(t, fleet, `target-${name}`)
    const { id, content } = await addContent(liar.pool, 3 * MIB)
    await assert.rejects(
      target.fetch(id, [liar.hint], { size: content.length }),
      { code: 'blob.altered', exit: 'verification' },
      name,
    )
    assert.ok(lies > 0)
    const kept = await target.pool.partial(id)
    for (const { start, end } of kept?.ranges ?? []) assert.ok(end <= content.length && start < end)
    assert.ok(target.node.log.lines.some(({ message }) => message === 'provider sent bad data'))
    await putContent(honest.pool, content)
    await target.fetch(id, [liar.hint, honest.hint])
    assert.ok(content.equals(await contentOf(target.pool, id)), name)
  }
})

test('BT-02: accepts an empty blob only under its own id', async (t) => {
  const fleet = await createTestFleet()
  const liar = await holder(t, fleet, 'liar', () => ({
    have: async ({ ids }) => ({ holdings: ids.map(() => ({ size: 0 })) }),
    fetch: async (_request, { send }) => {
      await send(Buffer.alloc(8))
      return { bytes: 8 }
    },
  }))
  const target = await holder(t, fleet, 'target')
  const id = blobId.parse('7'.repeat(64))
  await assert.rejects(target.fetch(id, [liar.hint]), { code: 'blob.altered' })
  assert.equal(await target.pool.stat(id), undefined)
})

test('BT-03: detects a false size and uses the honest provider', async (t) => {
  const fleet = await createTestFleet()
  const honest = await holder(t, fleet, 'honest')
  const { id, content } = await addContent(honest.pool, 300_001)
  for (const lie of [content.length + 1, content.length - 1, 0, 2 ** 53 - 1]) {
    const liar = await holder(t, fleet, `liar-${lie}`, () => ({
      have: async ({ ids }) => ({ holdings: ids.map(() => ({ size: lie })) }),
      fetch: async (request, { send }) => ({
        bytes: await serveLie(honest.pool, request, content.length, send),
      }),
    }))
    const target = await holder(t, fleet, `target-${lie}`)
    await assert.rejects(
      target.fetch(id, [liar.hint]),
      (error: { code: string }) =>
        /^blob\.(altered|too-large|range|truncated)$|^transfer/.test(error.code),
      `${lie}`,
    )
    await target.fetch(id, [liar.hint, honest.hint])
    assert.ok(content.equals(await contentOf(target.pool, id)), `${lie}`)
  }
})

test('BT-04: an encoding that ends early is reported as incomplete', async (t) => {
  const fleet = await createTestFleet()
  const honest = await holder(t, fleet, 'honest')
  const { id, content } = await addContent(honest.pool, 100_000)
  const short = await holder(t, fleet, 'short', () => ({
    have: async ({ ids }) => ({ holdings: ids.map(() => ({ size: content.length })) }),
    fetch: async ({ start, end }, { send }) => {
      const whole = Buffer.concat(await Array.fromAsync(honest.pool.encode(id, { start, end })))
      await send(whole.subarray(0, -1))
      return { bytes: whole.length }
    },
  }))
  const target = await holder(t, fleet, 'target')
  await assert.rejects(target.fetch(id, [short.hint]), { exit: 'unreachable' })
  assert.equal(await target.pool.stat(id), undefined)
  await target.fetch(id, [short.hint, honest.hint])
  assert.ok(content.equals(await contentOf(target.pool, id)))
})

test('BT-06: bytes after a valid encoding count as an error of the provider', async (t) => {
  const fleet = await createTestFleet()
  const chatty = await holder(t, fleet, 'chatty', (honest) => ({
    fetch: async (request, context) => {
      const done = await honest.fetch(request, context)
      await context.send(Buffer.from([0]))
      return done
    },
  }))
  const target = await holder(t, fleet, 'target')
  const { id } = await addContent(chatty.pool, 100_000)
  await target.fetch(id, [chatty.hint])
  assert.ok(
    target.node.log.lines.some(
      ({ message, data }) =>
        message === 'provider sent bad data' && data['peer'] === chatty.node.peerId,
    ),
  )
})

test('BT-07: replaces a provider that stalls near the end of the blob', async (t) => {
  const fleet = await createTestFleet()
  let asked = 0
  const staller = await holder(t, fleet, 'staller', (honest) => ({
    fetch: async (request, context) => {
      let left = 200_000
      const send = async (bytes: Uint8Array): Promise<void> => {
        await context.send(bytes.subarray(0, left))
        left -= bytes.length
        if (left <= 0) await systemClock.sleep(60_000, context.signal)
      }
      return honest.fetch(request, { ...context, send })
    },
  }))
  const rescuer = await holder(t, fleet, 'rescuer', (honest) => ({
    fetch: async (request, context) => {
      asked += request.end - request.start
      return honest.fetch(request, context)
    },
  }))
  const target = await holder(t, fleet, 'target')
  const { id, content } = await addContent(staller.pool, 1 * MIB)
  await putContent(rescuer.pool, content)
  const alone = target.fetch(id, [staller.hint], { stallMs: 100 })
  await assert.rejects(alone, { code: 'transfer.incomplete' })
  const partial = await target.pool.partial(id)
  assert.ok((partial?.ranges.length ?? 0) > 0, 'what came before the stall is kept')
  await target.fetch(id, [staller.hint, rescuer.hint], { stallMs: 100 })
  assert.ok(content.equals(await contentOf(target.pool, id)))
  assert.ok(asked < content.length, 'what was verified is not fetched again')
})

test('fetch: uses the only provider again after two failed streams', async (t) => {
  const fleet = await createTestFleet()
  let failures = 0
  const shaky = await holder(t, fleet, 'shaky', (honest) => ({
    fetch: async (request, context) => {
      if (failures === 2) return honest.fetch(request, context)
      failures += 1
      throw wireError('protocol.busy', { what: 'blobs fetch' })
    },
  }))
  const target = await holder(t, fleet, 'target')
  const { id, content } = await addContent(shaky.pool, 3 * MIB)
  await target.fetch(id, [shaky.hint])
  assert.equal(failures, 2)
  assert.ok(content.equals(await contentOf(target.pool, id)))
})

test('BT-07: an unreachable or slow provider does not delay a small blob', async (t) => {
  const fleet = await createTestFleet()
  const dripping = await holder(t, fleet, 'dripping', (honest) => ({
    fetch: async (request, context) => {
      const send = async (bytes: Uint8Array): Promise<void> => {
        for (let at = 0; at < bytes.length; at += 1) {
          await context.send(bytes.subarray(at, at + 1))
          await systemClock.sleep(20, context.signal)
        }
      }
      return honest.fetch(request, { ...context, send })
    },
  }))
  const good = await holder(t, fleet, 'good')
  const target = await holder(t, fleet, 'target')
  const { id, content } = await addContent(good.pool, 100_000)
  await putContent(dripping.pool, content)
  // The server accepts connections and sends nothing, like a host behind a firewall.
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  const { port } = silent.address() as AddressInfo
  const absent = peerIdOfKey(generateKey({ random: systemRandom }).publicKey)
  const size = content.length
  const hints = [
    { peer: absent, addresses: [`/ip4/127.0.0.1/tcp/${port}`], size },
    { ...dripping.hint, size },
    { ...good.hint, size },
  ]
  const before = systemClock.monotonic()
  await target.fetch(id, hints)
  assert.ok(content.equals(await contentOf(target.pool, id)))
  assert.ok(systemClock.monotonic() - before < 8_000, 'long before a dial or a stall is given up')
})

test('fetch: keeps a provider that often fails but makes progress', async (t) => {
  const fleet = await createTestFleet()
  let calls = 0
  const shaky = await holder(t, fleet, 'shaky', (honest) => ({
    fetch: async (request, context) => {
      calls += 1
      // Every second piece fails.
      if (calls % 2 === 1) return honest.fetch(request, context)
      throw wireError('protocol.busy', { what: 'blobs fetch' })
    },
  }))
  const target = await holder(t, fleet, 'target')
  const { id, content } = await addContent(shaky.pool, 24 * MIB)
  await target.fetch(id, [shaky.hint])
  assert.ok(calls > 8, `${calls}`)
  assert.ok(content.equals(await contentOf(target.pool, id)))
})

test('BT-08: stops a provider at the end of the range', async (t) => {
  const fleet = await createTestFleet()
  let sent = 0
  const endless = await holder(t, fleet, 'endless', (honest) => ({
    fetch: async (request, context) => {
      await honest.fetch(request, context)
      for (const junk = Buffer.alloc(64 * KIB); ; sent += junk.length) await context.send(junk)
    },
  }))
  const target = await holder(t, fleet, 'target')
  const { id } = await addContent(endless.pool, 50_000)
  await target.fetch(id, [endless.hint])
  assert.ok(sent < 4 * MIB, `${sent} bytes of junk were taken`)
})

test('BT-10: two concurrent fetches of one blob leave one blob', async (t) => {
  const fleet = await createTestFleet()
  const [source, target] = [await holder(t, fleet, 'source'), await holder(t, fleet, 'target')]
  const { id, content } = await addContent(source.pool, 8 * MIB)
  const stop = new AbortController()
  const given = target.fetch(id, [source.hint], {
    signal: stop.signal,
    progress: () => stop.abort(new Error('enough')),
  })
  const kept = target.fetch(id, [source.hint])
  await assert.rejects(given, { message: 'enough' })
  await kept
  assert.ok(content.equals(await contentOf(target.pool, id)))
  assert.equal((await Array.fromAsync(target.pool.list())).length, 1)
})

async function serveLie(
  pool: Pool,
  request: { id: BlobId; start: number; end: number },
  size: number,
  send: (bytes: Uint8Array) => Promise<void>,
): Promise<number> {
  const end = Math.min(request.end, size)
  let bytes = 0
  if (request.start >= end && size > 0) return bytes
  for await (const chunk of pool.encode(request.id, { start: request.start, end })) {
    bytes += chunk.length
    await send(chunk)
  }
  return bytes
}

test('fetch: a tracker that does not respond does not delay the providers', async (t) => {
  const fleet = await createTestFleet()
  const silent = Promise.withResolvers<void>()
  let asked = 0
  const source = await holder(t, fleet, 'source', (honest) => ({
    fetch: async (request, context) => {
      // The first piece arrives at once. The others arrive after the next request to the tracker.
      if (request.start > 0) await silent.promise
      return honest.fetch(request, context)
    },
  }))
  const target = await holder(t, fleet, 'target')
  const { id, content } = await addContent(source.pool, 8 * MIB)
  const { node, pool } = target
  // The clock runs a hundred times faster. The five seconds before the next request to the tracker
  // take fifty milliseconds. The stall time of a day takes a quarter of an hour, so no piece stalls
  // in the test.
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() * 100 }
  const find = async (): Promise<Found> => {
    asked += 1
    if (asked === 1) return { providers: [{ ...source.hint, size: content.length }] }
    silent.resolve()
    return new Promise(() => undefined)
  }
  await fetchBlob({ node, pool, clock, log: node.log, find }, id, {
    signal: systemClock.timeout(30_000),
    stallMs: 86_400_000,
  })
  assert.ok(asked >= 2)
  assert.ok(content.equals(await contentOf(pool, id)))
})
