/** Tests how blobs are ingested, read, listed and checked. */
import assert from 'node:assert/strict'
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createHash } from 'node:crypto'
import { blake3Of } from '../blake3/hash.ts'
import { systemClock } from '../clock.ts'
import { MusterError } from '../errors.ts'
import { type BlobId, blobId, sha256Hex } from '../ids.ts'
import { referenceOutboard, someBytes } from '../testing/bao.ts'
import { assertSound, contentOf, idsOf, inPieces, testPool } from '../testing/pools.ts'
import { blobError } from './errors.ts'
import { openPool } from './pool.ts'

const MANY = 10 << 20
const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const failsWith = (code: Parameters<typeof blobError>[0]) => (error: unknown) =>
  blobError.is(error, code)
const NO_LEFTOVERS = { temporary: [], partial: [], quarantine: [] }

test('ingests content of any length with both hashes and returns it unchanged', async () => {
  await using pool = await testPool()
  for (const length of [0, 1, 16_384, 16_385, 1 << 20, (1 << 20) + 1]) {
    const content = someBytes(length, length)
    const result = await pool.ingest(inPieces(content), { maxBytes: MANY })
    assert.deepEqual(result, {
      id: blake3Of(content),
      sha256: sha256Of(content),
      size: length,
      existed: false,
    })
    assert((await contentOf(pool.read(result.id))).equals(content))
    assert.deepEqual(await pool.stat(result.id), { size: length })
    const file = await lstat(pool.path(result.id))
    assert.equal(file.mode & 0o777, 0o444)
    const outboard = await readFile(`${pool.path(result.id)}.outboard`).catch(() => undefined)
    if (length <= 16_384) assert.equal(outboard, undefined)
    else assert(outboard?.equals(referenceOutboard(content, 16_384)))
    assert.equal((await pool.ingest(inPieces(content), { maxBytes: MANY })).existed, true)
  }
  assert.deepEqual(await assertSound(pool), NO_LEFTOVERS)
})

test('ingests a file; rejects a folder, a device and a missing file by name', async () => {
  await using pool = await testPool()
  const content = someBytes(2_500_000)
  const path = join(pool.folder, 'given')
  await writeFile(path, content)
  const { id, sha256 } = await pool.ingestFile(path, { maxBytes: MANY })
  assert.deepEqual([id, sha256], [blake3Of(content), sha256Of(content)])
  for (const wrong of [pool.folder, '/dev/null', join(pool.folder, 'absent')]) {
    await assert.rejects(pool.ingestFile(wrong, { maxBytes: MANY }), failsWith('blob.not-a-file'))
  }
  await assert.rejects(pool.ingestFile(path, { maxBytes: 1000 }), failsWith('blob.too-large'))
})

test('BT-15: rejects content of unexpected size or hash, and keeps nothing', async () => {
  await using pool = await testPool()
  const content = someBytes(100_000)
  const right = {
    id: blake3Of(content),
    sha256: sha256Hex.parse(sha256Of(content)),
    size: content.length,
  }
  const other = 'ab'.repeat(32)
  const wrong = [
    { id: other as BlobId },
    { sha256: sha256Hex.parse(other) },
    { size: 99_999 },
    { size: 100_001 },
    { size: 0 },
  ]
  for (const expect of wrong) {
    await assert.rejects(
      pool.ingest(inPieces(content), { maxBytes: MANY, expect: { ...right, ...expect } }),
      failsWith('blob.mismatch'),
    )
  }
  assert.deepEqual(await idsOf(pool), [])
  assert.deepEqual(await assertSound(pool), NO_LEFTOVERS)
  await pool.ingest(inPieces(content), { maxBytes: MANY, expect: right })
})

test('BT-08: stops endless content at the limit, and stops its source', async () => {
  await using pool = await testPool()
  let stopped = false
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.alloc(100_000)
    } finally {
      stopped = true
    }
  }
  await assert.rejects(pool.ingest(endless(), { maxBytes: 5_000_000 }), failsWith('blob.too-large'))
  await assert.rejects(
    pool.ingest(endless(), { maxBytes: MANY, expect: { size: 10 } }),
    failsWith('blob.mismatch'),
  )
  assert(stopped)
  assert.deepEqual(await assertSound(pool), NO_LEFTOVERS)
})

test('a failing or stalling source leaves no files', async () => {
  await using pool = await testPool()
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(2_000_000)
    throw new Error('the upstream went away')
  }
  await assert.rejects(pool.ingest(failing(), { maxBytes: MANY }), /the upstream went away/)
  const abort = new AbortController()
  async function* stalling(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(2_000_000)
    abort.abort(new Error('no longer wanted'))
    await new Promise(() => undefined)
  }
  await assert.rejects(
    pool.ingest(stalling(), { maxBytes: MANY, signal: abort.signal }),
    /no longer wanted/,
  )
  await assert.rejects(
    pool.ingest(inPieces(someBytes(5)), { maxBytes: MANY, signal: abort.signal }),
    /no longer wanted/,
  )
  assert.deepEqual(await assertSound(pool), NO_LEFTOVERS)
})

test('CA-04: a second ingest replaces a damaged or truncated copy', async () => {
  await using pool = await testPool()
  const content = someBytes(50_000)
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  for (const bad of [Buffer.alloc(50_000, 1), content.subarray(0, 49_999), Buffer.alloc(0)]) {
    await rm(pool.path(id))
    await writeFile(pool.path(id), bad, { mode: 0o444 })
    assert.equal((await pool.ingest(inPieces(content), { maxBytes: MANY })).existed, false)
    assert((await contentOf(pool.read(id))).equals(content))
  }
  assert.equal(pool.warnings.length, 3)
  await rm(`${pool.path(id)}.outboard`)
  await pool.ingest(inPieces(content), { maxBytes: MANY })
  assert((await readFile(`${pool.path(id)}.outboard`)).equals(referenceOutboard(content, 16_384)))
})

test('CA-05: the check finds a write through a hard link and quarantines the file', async () => {
  await using pool = await testPool()
  const content = someBytes(50_000)
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  const published = join(pool.folder, 'published.rpm')
  await link(pool.path(id), published)
  await chmod(published, 0o644)
  await writeFile(published, 'changed')
  assert.equal(await pool.check(id), false)
  assert.equal(await pool.stat(id), undefined)
  await assert.rejects(pool.check(id), failsWith('blob.unknown'))
  const { quarantine } = await assertSound(pool)
  assert.equal(quarantine.length, 1)
  assert(quarantine[0]?.startsWith(id))
  assert.equal((await pool.ingest(inPieces(content), { maxBytes: MANY })).existed, false)
})

test('CA-07: only a valid id becomes a path', async () => {
  await using pool = await testPool()
  const good = blake3Of(Buffer.alloc(0))
  const bad = [
    '../../etc/passwd',
    good.toUpperCase(),
    good.slice(1),
    `${good}0`,
    `${good.slice(0, 63)}\0`,
    `${good}\n`,
    `٣${good.slice(1)}`,
    '',
  ]
  for (const id of bad as BlobId[]) {
    const malformed = (error: unknown): boolean =>
      error instanceof MusterError && error.code === 'id.malformed'
    assert.throws(() => pool.path(id), malformed)
    await assert.rejects(pool.stat(id), malformed)
    await assert.rejects(pool.remove(id), malformed)
    await assert.rejects(pool.receive(id, 0), malformed)
    await assert.rejects(pool.partial(id), malformed)
    await assert.rejects(pool.check(id), malformed)
    await assert.rejects(contentOf(pool.read(id)), malformed)
    assert.throws(() => pool.encode(id, { start: 0, end: 0 }), malformed)
  }
})

test('CA-08: rejects folders that are links or writable; follows no link', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'muster-outside-'))
  try {
    for (const name of ['blobs', 'temporary', 'partial', 'quarantine']) {
      await using pool = await testPool()
      await rm(join(pool.folder, name), { recursive: true })
      await symlink(outside, join(pool.folder, name))
      await assert.rejects(testPool({ folder: pool.folder }), failsWith('blob.folder'), name)
      await rm(join(pool.folder, name))
      await writeFile(join(pool.folder, name), '')
      await assert.rejects(testPool({ folder: pool.folder }), failsWith('blob.folder'), name)
      await rm(join(pool.folder, name))
      await mkdir(join(pool.folder, name))
      await chmod(join(pool.folder, name), 0o777)
      await assert.rejects(testPool({ folder: pool.folder }), failsWith('blob.folder'), name)
    }
    await using pool = await testPool()
    const content = someBytes(10)
    const id = blake3Of(content)
    await symlink(outside, join(pool.folder, 'blobs', id.slice(0, 2)))
    await assert.rejects(
      pool.ingest(inPieces(content), { maxBytes: MANY }),
      failsWith('blob.folder'),
    )
    await rm(join(pool.folder, 'blobs', id.slice(0, 2)))
    await pool.ingest(inPieces(content), { maxBytes: MANY })
    await rename(pool.path(id), join(outside, 'moved'))
    await symlink(join(outside, 'moved'), pool.path(id))
    assert.equal(await pool.stat(id), undefined)
    await assert.rejects(contentOf(pool.read(id)), failsWith('blob.disk'))
    assert.deepEqual(await readdir(outside), ['moved'])
  } finally {
    await rm(outside, { recursive: true })
  }
})

test('CA-08: does not write to an existing file or link under a temporary name', async () => {
  await using pool = await testPool()
  const victim = join(pool.folder, 'victim')
  await writeFile(victim, 'precious')
  // The random bytes are zeros, so the name is predictable.
  const random = { bytes: (length: number) => new Uint8Array(length), fraction: () => 0 }
  const guessed = join(pool.folder, 'temporary', '0'.repeat(32))
  const naive = await openPool({ random, clock: systemClock }, { folder: pool.folder })
  for (const make of [
    () => symlink(victim, guessed),
    () => symlink(join(pool.folder, 'nowhere'), guessed),
    () => link(victim, guessed),
  ]) {
    await make()
    await assert.rejects(
      naive.ingest(inPieces(someBytes(10)), { maxBytes: MANY }),
      failsWith('blob.disk'),
    )
    assert.equal(await readFile(victim, 'utf8'), 'precious')
    await rm(guessed)
  }
})

test('CA-09: lists blobs in order, starting after any id', async () => {
  await using pool = await testPool()
  const ids: BlobId[] = []
  for (let i = 0; i < 40; i += 1)
    ids.push((await pool.ingest(inPieces(someBytes(20_000, i + 1)), { maxBytes: MANY })).id)
  ids.sort()
  assert.deepEqual(await idsOf(pool), ids)
  const after = blobId.parse(ids[17] as string)
  const rest: BlobId[] = []
  for await (const { id, size } of pool.list(after)) {
    assert.equal(size, 20_000)
    rest.push(id)
  }
  assert.deepEqual(rest, ids.slice(18))
})

test('CA-10: rejects content that would use the reserve, accepts smaller content', async () => {
  await using pool = await testPool({ reserveBytes: 2 ** 60 })
  const content = someBytes(10)
  await assert.rejects(
    pool.ingest(inPieces(content), { maxBytes: MANY }),
    failsWith('blob.no-space'),
  )
  await assert.rejects(pool.receive(blake3Of(content), 10), failsWith('blob.no-space'))
  await using roomy = await testPool({ folder: pool.folder })
  const { id } = await roomy.ingest(inPieces(content), { maxBytes: MANY })
  assert.deepEqual(await pool.stat(id), { size: 10 })
  await assert.rejects(
    roomy.ingest(inPieces(content), { maxBytes: MANY, expect: { size: 2 ** 50 } }),
    failsWith('blob.no-space'),
  )
})

test('the error for lack of space names the needed space and the reserve only', async () => {
  await using full = await testPool({ reserveBytes: 2 ** 60 })
  await using pool = await testPool()
  const message = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'nothing was refused',
      (error: MusterError) => `${error.message}; ${error.hint}`,
    )
  const content = someBytes(10)
  // A stream has no known size, so the error names only the reserve.
  const unknown = await message(full.ingest(inPieces(content), { maxBytes: MANY }))
  assert.match(unknown, /: \d\S* \wi?B are free, \S+ \wiB must stay free; free some space/)
  const size = 2 ** 50
  const known = await message(pool.ingest(inPieces(content), { maxBytes: MANY, expect: { size } }))
  assert.match(known, /are free, \S+ \wiB are needed; free some space/)
})

test('CA-11: concurrent ingests from two pools on one folder all succeed', async () => {
  await using one = await testPool()
  await using two = await testPool({ folder: one.folder })
  const contents = [1, 2, 3].map((seed) => someBytes(1_200_000, seed))
  const jobs = [one, two, one, two].flatMap((pool) =>
    contents.map((content) => pool.ingest(inPieces(content), { maxBytes: MANY })),
  )
  const results = await Promise.all(jobs)
  assert.deepEqual(
    new Set(results.map(({ id }) => id)),
    new Set(contents.map((content) => blake3Of(content))),
  )
  assert.equal((await idsOf(two)).length, 3)
  assert.deepEqual(await assertSound(one), NO_LEFTOVERS)
})

test('reads exact ranges, and rejects ranges outside the blob', async () => {
  await using pool = await testPool()
  const content = someBytes(2_300_000)
  const { id } = await pool.ingest(inPieces(content), { maxBytes: MANY })
  for (const [start, end] of [
    [0, 0],
    [5, 6],
    [1_000_000, 2_300_000],
    [2_300_000, 2_300_000],
  ] as const) {
    assert((await contentOf(pool.read(id, { start, end }))).equals(content.subarray(start, end)))
  }
  for (const [start, end] of [
    [-1, 5],
    [6, 5],
    [0, 2_300_001],
    [0.5, 5],
    [Number.NaN, 5],
    [0, 2 ** 53],
  ] as const) {
    await assert.rejects(contentOf(pool.read(id, { start, end })), failsWith('blob.range'))
  }
  await assert.rejects(contentOf(pool.read('ab'.repeat(32) as BlobId)), failsWith('blob.unknown'))
})

test('removes a blob with its outboard; a second removal does nothing', async () => {
  await using pool = await testPool()
  const { id } = await pool.ingest(inPieces(someBytes(40_000)), { maxBytes: MANY })
  await pool.remove(id)
  await pool.remove(id)
  assert.equal(await pool.stat(id), undefined)
  assert.deepEqual(await readdir(join(pool.folder, 'blobs', id.slice(0, 2))), [])
})

test('removes files of crashed writers only when they are old', async () => {
  await using pool = await testPool()
  const [old, young] = [join(pool.folder, 'temporary/old'), join(pool.folder, 'temporary/young')]
  await writeFile(old, 'x')
  await writeFile(young, 'x')
  const twoHoursAgo = systemClock.now() / 1000 - 7200
  await utimes(old, twoHoursAgo, twoHoursAgo)
  await using again = await testPool({ folder: pool.folder })
  assert.deepEqual((await assertSound(again)).temporary, ['young'])
})
