import assert from 'node:assert/strict'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { systemClock } from '../clock.ts'
import { systemRandom } from '../random.ts'
import { MIB } from '../units.ts'
import { BULK_BLOB_BYTES, openBulkWriter } from './bulk.ts'
import { type Incoming, openPool } from './pool.ts'

test('bulk writes: writes aligned batches, and leaves unaligned ones to the caller', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bulk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'data')
  const file = await open(path, 'wx+')
  t.after(() => file.close())
  const memory = new Uint8Array(new ArrayBuffer(1024 * 1024 + 4096))
  memory.set(systemRandom.bytes(memory.length))
  // V8 doesn't guarantee memory aligned to 512 bytes. The kernel's memory, from which batches are
  // written, is aligned.
  const part = (start: number, end: number): Uint8Array => memory.subarray(start, end)
  assert.equal(await openBulkWriter(path, BULK_BLOB_BYTES - 1), undefined)
  assert.equal(await openBulkWriter(join(folder, 'absent'), BULK_BLOB_BYTES), undefined)
  const bulk = await openBulkWriter(path, BULK_BLOB_BYTES)
  if (bulk === undefined) return t.diagnostic('this file system has no direct writes')
  const ordinary = async (start: number, end: number): Promise<void> =>
    void (await file.write(part(start, end), 0, end - start, start))
  for (const [start, end] of [
    [0, 65_536],
    [131_072, 262_144],
    [65_536, 131_072],
    [262_144, 262_144 + 4_097],
    [262_144 + 1, 262_144 + 4_097],
  ] as const) {
    const taken = await bulk.write(part(start, end), start)
    assert.ok(!taken || (start % 4096 === 0 && end % 4096 === 0))
    if (!taken) await ordinary(start, end)
  }
  await bulk.close()
  assert.ok(Buffer.from(part(0, 262_144 + 4_097)).equals(await readFile(path)))
  assert.equal(await bulk.write(part(0, 4096), 0), false)
})

test('bulk writes: a large blob is received, resumed, and read during its transfer', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bulk-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const deps = { clock: systemClock, random: systemRandom }
  const [source, target] = [
    await openPool(deps, { folder: join(folder, 'a') }),
    await openPool(deps, { folder: join(folder, 'b') }),
  ]
  const size = BULK_BLOB_BYTES + 70_001
  const content = Buffer.from(systemRandom.bytes(MIB))
  const repeated = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < size; at += MIB) yield content.subarray(0, Math.min(MIB, size - at))
  }
  const { id } = await source.ingest(repeated(), { maxBytes: size })
  const bring = async (incoming: Incoming, start: number, end: number): Promise<void> => {
    const sink = incoming.decoder({ start, end })
    for await (const chunk of source.encode(id, { start, end })) await sink.write(chunk)
    sink.end()
    await sink.drained()
  }
  const first = await target.receive(id, size)
  await bring(first, 0, 32 * MIB)
  assert.ok(content.equals(await first.read({ start: 7 * MIB, end: 8 * MIB })))
  await first.abort()
  const second = await target.receive(id, size)
  assert.deepEqual(second.missing(), [{ start: 32 * MIB, end: size }])
  await bring(second, 32 * MIB, size)
  await second.finish()
  assert.equal(await target.check(id), true)
})
