import assert from 'node:assert/strict'
import { chmod, open, rm } from 'node:fs/promises'
import { test } from 'node:test'
import { limitsOf } from '../../protocols/rpc/define-protocol.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { encodeCbor } from '../../protocols/wire/cbor.ts'
import { inspectPool } from '../../shared/blobs/inspect.ts'
import type { Pool } from '../../shared/blobs/pool.ts'
import { systemClock } from '../../shared/clock.ts'
import { type BlobId, blobId } from '../../shared/ids.ts'
import { systemRandom } from '../../shared/random.ts'
import { someBytes } from '../../shared/testing/bao.ts'
import { inPieces, testPool } from '../../shared/testing/pools.ts'
import { createPoolCheck, type PoolCheckDeps } from './pool-check.ts'

const signal = new AbortController().signal
const parts = { clock: systemClock, random: systemRandom }

async function filled(pool: Pool, count: number): Promise<BlobId[]> {
  const ids: BlobId[] = []
  for (let seed = 1; seed <= count; seed += 1) {
    const content = inPieces(someBytes(20_000 + seed, seed))
    ids.push((await pool.ingest(content, { maxBytes: 1024 ** 2 })).id)
  }
  return ids
}

async function overwrite(path: string): Promise<void> {
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  await file.write('DAMAGE', 10_000)
  await file.close()
}

/** Repairs blobs from another pool, as a node does from the fleet. */
const from =
  (pool: Pool, source: Pool): PoolCheckDeps['heal'] =>
  async (lost) => {
    const healed = []
    for (const { blob, size } of lost) {
      if ((await source.stat(blob)) === undefined) {
        healed.push({ blob, size, reason: 'no node holds it' })
        continue
      }
      await pool.ingest(source.read(blob), { maxBytes: size, expect: { id: blob } })
      healed.push({ blob, size, from: 'fleet' })
    }
    return healed
  }

const quiet = { signal, progress: async () => undefined }

test('a pool check finds damage, repairs it if possible, and reports the rest', async () => {
  for (const deep of [false, true]) {
    await using pool = await testPool()
    await using source = await testPool()
    const ids = await filled(pool, 12)
    await filled(source, 5)
    const check = createPoolCheck({ ...parts, pool, heal: from(pool, source) })
    const clean = await check({ ...quiet, deep })
    assert.deepEqual(
      [clean.blobs, clean.hashed, clean.damaged, clean.missing, clean.found],
      [12, 12, 0, 0, []],
    )
    const [healable, lost] = [ids[2] as BlobId, ids[9] as BlobId]
    for (const id of [healable, lost]) await overwrite(pool.path(id))
    const found = await check({ ...quiet, deep })
    assert.deepEqual([found.damaged, found.healed], [2, 1], `deep ${deep}`)
    assert.deepEqual(
      found.found.map(({ blob, state, healedFrom, reason }) => [blob, state, healedFrom, reason]),
      [
        [lost, 'damaged', null, 'no node holds it'],
        [healable, 'damaged', 'fleet', null],
      ],
    )
    assert.equal(await pool.check(healable), true)
    assert.equal(await pool.stat(lost), undefined)
    assert.equal((await check({ ...quiet, deep })).damaged, 0)
  }
})

test('a pool check reports progress, can be aborted, and is the only one that runs', async () => {
  await using pool = await testPool()
  const ids = await filled(pool, 30)
  const gate = Promise.withResolvers<void>()
  const abort = new AbortController()
  const seen: number[] = []
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + seen.length * 1000 }
  const check = createPoolCheck({ ...parts, clock, pool, heal: async () => [] })
  const first = check({
    deep: true,
    signal: abort.signal,
    progress: async ({ checked, of }) => {
      assert.equal(of, ids.length)
      seen.push(checked)
      await gate.promise
    },
  })
  await assert.rejects(check({ ...quiet, deep: false }), {
    code: 'node.pool-check',
    exit: 'conflict',
  })
  abort.abort(new Error('stop'))
  gate.resolve()
  await assert.rejects(first, /stop/)
  assert.equal((await check({ ...quiet, deep: true })).hashed, ids.length)
})

test('a pool check stops at the first failure, even inside another blob', async () => {
  await using pool = await testPool()
  const ids = await filled(pool, 30)
  const begun: BlobId[] = []
  const stopped: unknown[] = []
  const failing: Pool = {
    ...pool,
    // The first blob is hashed until the check stops. The second one fails while the first is
    // hashed.
    async check(id, given) {
      begun.push(id)
      if (begun.length > 1) throw new Error('the disk has failed')
      await new Promise<void>((resolve) =>
        given?.addEventListener('abort', () => {
          stopped.push(given.reason)
          resolve()
        }),
      )
      given?.throwIfAborted()
      return true
    },
  }
  const check = createPoolCheck({ ...parts, pool: failing, heal: async () => [] })
  await assert.rejects(check({ ...quiet, deep: true }), /the disk has failed/)
  assert.deepEqual([begun.length, stopped.map(String)], [2, ['Error: the disk has failed']])
  const again = createPoolCheck({ ...parts, pool, heal: async () => [] })
  assert.equal((await again({ ...quiet, deep: true })).hashed, ids.length)
})

test('a pool inspection finds alterations and changes nothing', async () => {
  await using pool = await testPool()
  const ids = await filled(pool, 40)
  await pool.flush()
  const budget = { bytes: 100_000, ms: 60_000 }
  const clean = await inspectPool(parts, pool.folder, budget, signal)
  assert.deepEqual([clean?.blobs, clean?.damaged], [40, []])
  assert.ok((clean?.hashed ?? 0) >= 4 && (clean?.hashed ?? 0) < 10, 'a sample within its bounds')
  const altered = ids[17] as BlobId
  await overwrite(pool.path(altered))
  const found = await inspectPool(parts, pool.folder, budget, signal)
  assert.deepEqual(
    found?.damaged.map(({ id }) => id),
    [altered],
    'changed blobs are hashed first',
  )
  assert.notEqual(await pool.stat(altered), undefined)
  await rm(pool.folder, { recursive: true })
  assert.equal(await inspectPool(parts, pool.folder, budget, signal), undefined)
})

test('pool check: the longest result fits into one response', async () => {
  await using pool = await testPool()
  const text = '語'.repeat(1_000)
  const many = Array.from({ length: 500 }, (_, index) => index)
  const check = createPoolCheck({
    ...parts,
    pool,
    missing: async () =>
      many.map((index) => ({
        blob: blobId.parse(index.toString(16).padStart(64, '0')),
        size: Number.MAX_SAFE_INTEGER,
      })),
    heal: async (lost) => lost.map((each) => ({ ...each, reason: text })),
    filesOf: async () => [text, text, text, text],
    repair: async () => ({ repaired: many.map(() => text), unrepaired: many.map(() => text) }),
  })
  const answer = await check({ ...quiet, deep: true })
  assert.equal(answer.missing, 500)
  const bytes = encodeCbor(localProtocol.methods['pool.check'].response.parse(answer)).length
  const most = limitsOf(localProtocol, localProtocol.methods['pool.check']).maxResponseBytes
  assert.ok(bytes <= most, `${bytes} bytes (expected at most ${most})`)
})
