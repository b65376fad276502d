import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFile,
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { type Clock, systemClock } from '../clock.ts'
import type { BlobId } from '../ids.ts'
import { someBytes } from '../testing/bao.ts'
import { watchedDisk } from '../testing/faulty-disk.ts'
import { assertSound, idsOf, inPieces, testPool } from '../testing/pools.ts'
import { type Disk, systemDisk } from './disk.ts'
import type { Pool } from './pool.ts'

const MANY = 1024 ** 3
const CONTENT = someBytes(50_000)

const add = async (pool: Pool): Promise<BlobId> =>
  (await pool.ingest(inPieces(CONTENT), { maxBytes: MANY })).id

/** A clock that a test moves forward. */
function movedClock(): Clock & { ahead: number } {
  const clock = { ...systemClock, ahead: 0, now: () => systemClock.now() + clock.ahead }
  return clock
}

/** Overwrites six bytes in the middle of the file with this name. */
async function overwrite(path: string): Promise<void> {
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  await file.write('DAMAGE', 20_000)
  await file.close()
  await chmod(path, 0o444)
}

/** Does the same and restores the modification time, like `touch -r`. */
async function overwriteUnseen(path: string): Promise<void> {
  const before = join(await mkdtemp(join(tmpdir(), 'muster-times-')), 'before')
  // This is not utimes(), because utimes() takes no nanoseconds.
  await writeFile(before, '')
  execFileSync('touch', ['-r', path, before])
  await overwrite(path)
  execFileSync('touch', ['-r', before, path])
  await rm(dirname(before), { recursive: true })
}

test('hashes a blob again after a change of its file, but not after a new link', async () => {
  const clock = movedClock()
  await using pool = await testPool({ clock })
  const id = await add(pool)
  const first = pool.verifiedAt(id) as number
  clock.ahead = 3_600_000
  assert.equal(await pool.verify(id), 'sound')
  assert.equal(pool.verifiedAt(id), first, 'taking it in hashed it')
  const tree = join(pool.folder, 'published')
  await mkdir(join(tree, 'below'), { recursive: true })
  await Promise.all(
    ['a', 'b', 'below/c'].map(async (name) => {
      await pool.link(id, join(tree, name))
      assert.equal(await pool.verify(id), 'sound')
    }),
  )
  assert.equal((await lstat(pool.path(id))).nlink, 4)
  await pool.removeFolder(tree)
  await assert.rejects(lstat(tree), { code: 'ENOENT' })
  assert.equal(await pool.verify(id), 'sound')
  assert.equal(pool.verifiedAt(id), first, 'the pool linked it and removed the links')
  await pool.flush()
  const again = await testPool({ folder: pool.folder, clock })
  assert.equal(await again.verify(id), 'sound')
  assert.equal(again.verifiedAt(id), first, 'after a restart')
})

test('a file whose attributes another program changed is hashed again', async () => {
  const changes: [string, (path: string) => Promise<unknown>][] = [
    ['a link of another program', (path) => link(path, `${path}.link`)],
    ['other times', (path) => utimes(path, 1, 1)],
    [
      'a rename and back',
      (path) => rename(path, `${path}.x`).then(() => rename(`${path}.x`, path)),
    ],
  ]
  for (const [name, change] of changes) {
    const clock = movedClock()
    await using pool = await testPool({ clock })
    const id = await add(pool)
    const first = pool.verifiedAt(id) as number
    clock.ahead = 3_600_000
    await change(pool.path(id))
    assert.equal(await pool.verify(id), 'sound', name)
    assert.ok((pool.verifiedAt(id) as number) > first + 3_000_000, `${name}: it was hashed again`)
  }
})

test('damage with restored times is found although the number of links changed too', async () => {
  const orders: [string, (pool: Pool, id: BlobId, tree: string) => Promise<unknown>][] = [
    [
      'linked by another program, then damaged',
      async (pool, id, tree) => {
        await link(pool.path(id), join(tree, 'file'))
        await overwriteUnseen(pool.path(id))
      },
    ],
    [
      'damaged, then linked by another program',
      async (pool, id, tree) => {
        await overwriteUnseen(pool.path(id))
        await link(pool.path(id), join(tree, 'file'))
      },
    ],
    [
      'damaged, then linked by the pool',
      async (pool, id, tree) => {
        await overwriteUnseen(pool.path(id))
        await pool.link(id, join(tree, 'file'))
      },
    ],
    [
      'linked by the pool, then damaged through the link',
      async (pool, id, tree) => {
        await pool.link(id, join(tree, 'file'))
        await overwriteUnseen(join(tree, 'file'))
      },
    ],
    [
      'linked by the pool, damaged, and the link removed by the pool',
      async (pool, id, tree) => {
        await pool.link(id, join(tree, 'file'))
        await overwriteUnseen(join(tree, 'file'))
        await pool.removeFolder(tree)
      },
    ],
    [
      'linked by the pool, damaged, and the link removed by another program',
      async (pool, id, tree) => {
        await pool.link(id, join(tree, 'file'))
        await overwriteUnseen(pool.path(id))
        await rm(tree, { recursive: true })
      },
    ],
  ]
  for (const [name, damage] of orders) {
    await using pool = await testPool()
    const id = await add(pool)
    const tree = join(pool.folder, 'published')
    await mkdir(tree)
    await damage(pool, id, tree)
    assert.equal(await pool.verify(id), 'damaged', name)
  }
})

test('removing a folder follows no link and leaves the pool as it was', async () => {
  await using pool = await testPool()
  const id = await add(pool)
  const [tree, kept] = [join(pool.folder, 'published'), join(pool.folder, 'kept')]
  await mkdir(join(tree, 'empty'), { recursive: true })
  await mkdir(kept)
  await pool.link(id, join(kept, 'file'))
  await symlink(kept, join(tree, 'to-folder'))
  await symlink('nowhere', join(tree, 'dangling'))
  await writeFile(join(tree, 'own'), 'own')
  await symlink(kept, join(pool.folder, 'link'))
  await writeFile(join(pool.folder, 'file'), 'own')
  for (const name of ['published', 'link', 'file', 'absent'])
    await pool.removeFolder(join(pool.folder, name))
  assert.equal((await lstat(join(kept, 'file'))).nlink, 2)
  for (const name of ['published', 'link', 'file'])
    await assert.rejects(lstat(join(pool.folder, name)), { code: 'ENOENT' }, name)
  assert.equal(await pool.verify(id), 'sound')
})

test('finds damage by file attributes and moves the file to quarantine', async () => {
  const damages: [string, (path: string) => Promise<unknown>][] = [
    ['overwritten', overwrite],
    ['overwritten, with its times set back', overwriteUnseen],
    ['cut short', (path) => chmod(path, 0o644).then(() => truncate(path, 49_999))],
    ['empty', (path) => chmod(path, 0o644).then(() => truncate(path, 0))],
    ['longer', (path) => chmod(path, 0o644).then(() => appendFile(path, 'x'))],
    [
      'another file of the same size',
      async (path) => {
        await rm(path)
        await writeFile(path, someBytes(50_000, 2))
      },
    ],
    [
      'a link to the right content',
      async (path) => {
        await rename(path, `${path}.moved`)
        await symlink(`${path}.moved`, path)
      },
    ],
    [
      'a folder',
      async (path) => {
        await rm(path)
        await mkdir(path)
      },
    ],
  ]
  for (const [name, damage] of damages) {
    await using pool = await testPool()
    const id = await add(pool)
    await damage(pool.path(id))
    assert.equal(await pool.verify(id), 'damaged', name)
    assert.equal(await pool.verify(id), 'absent', name)
    assert.equal((await assertSound(pool)).quarantine.length, 1, name)
    await add(pool)
    assert.equal(await pool.verify(id), 'sound', name)
  }
})

test('a blob whose mode changed is read-only again; a touched blob is undamaged', async () => {
  await using pool = await testPool()
  const id = await add(pool)
  await chmod(pool.path(id), 0o600)
  assert.equal(await pool.verify(id), 'sound')
  assert.equal((await lstat(pool.path(id))).mode & 0o7777, 0o444)
})

test('keeps records across a restart and ignores truncated lines', async () => {
  const clock = movedClock()
  await using pool = await testPool({ clock })
  const id = await add(pool)
  await pool.flush()
  const at = pool.verifiedAt(id)
  assert.ok(at !== undefined)
  const record = join(pool.folder, 'verified')
  const text = await readFile(record, 'utf8')
  await appendFile(record, text.slice(0, 90))
  clock.ahead = 60_000
  const again = await testPool({ folder: pool.folder, clock })
  assert.equal(await again.verify(id), 'sound')
  assert.equal(again.verifiedAt(id), at)
  // A record of other content under this id is ignored, because its checksum is wrong.
  await writeFile(record, text.replace(/ (\d+)\./, ' 1$1.'))
  const third = await testPool({ folder: pool.folder, clock })
  assert.equal(third.verifiedAt(id), undefined)
  await rm(record)
  const fourth = await testPool({ folder: pool.folder, clock })
  assert.equal(await fourth.verify(id), 'sound')
  await overwrite(fourth.path(id))
  const fifth = await testPool({ folder: pool.folder, clock })
  assert.equal(await fifth.verify(id), 'damaged')
})

test('keeps an undamaged copy that arrives while a damaged one is moved', async () => {
  let commit: (() => Promise<unknown>) | undefined
  const disk: Disk = {
    ...systemDisk,
    async rename(from, to) {
      const work = to.includes('/quarantine/') ? commit : undefined
      commit = undefined
      await work?.()
      return systemDisk.rename(from, to)
    },
  }
  await using pool = await testPool({ disk })
  const id = await add(pool)
  await overwrite(pool.path(id))
  commit = () => add(pool)
  await pool.check(id)
  assert.deepEqual(await idsOf(pool), [id], 'the pool has lost the sound copy')
  assert.equal(await pool.check(id), true)
  assert.deepEqual((await assertSound(pool)).quarantine, [])
})

test('an abort ends the hashing of a present blob', async () => {
  const abort = new AbortController()
  let armed = false
  const disk = watchedDisk({
    after: ({ name }) => {
      // The content is written, and now the copy in the pool is checked.
      if (armed && name === 'write') abort.abort(new Error('stop'))
    },
  })
  await using pool = await testPool({ disk })
  await add(pool)
  armed = true
  await assert.rejects(
    pool.ingest(inPieces(CONTENT), { maxBytes: MANY, signal: abort.signal }),
    /stop/,
  )
  assert.deepEqual((await assertSound(pool)).temporary, [])
})
