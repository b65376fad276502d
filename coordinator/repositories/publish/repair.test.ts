import assert from 'node:assert/strict'
import {
  chmod,
  cp,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { systemClock } from '../../../shared/clock.ts'
import type { BlobId } from '../../../shared/ids.ts'
import { ownProcess } from '../../../shared/process-owner.ts'
import { readManifest } from '../content/manifest.ts'
import { complete, type TestMirror, testMirror, testPackages } from '../sync/testing.ts'
import type { Publication } from './destination.ts'

const signal = new AbortController().signal
const RPM = 'Packages/p/pkg0-1.0-1.noarch.rpm'

const latest = (mirror: TestMirror): Publication => ({
  repository: 'repo',
  target: 'latest',
  path: mirror.config().publish.latest_path,
})
const snapshot = (mirror: TestMirror): Publication => ({
  repository: 'repo',
  target: 's1',
  path: join(mirror.config().publish.snapshots_path, 's1'),
})

/** Syncs a repository of three packages, and publishes it as `latest` and as `s1`. */
async function published(): Promise<{ mirror: TestMirror; version: number }> {
  const mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(3))
  const version = complete(await mirror.sync()).version as number
  for (const publication of [latest(mirror), snapshot(mirror)])
    await mirror.publisher.publish({ ...publication, version, signal })
  return { mirror, version }
}

/** Fails unless the tree contains exactly the files of the upstream. */
async function assertLikeUpstream(mirror: TestMirror, path: string, what: string): Promise<void> {
  const names = async (folder: string): Promise<string[]> =>
    (await readdir(folder, { recursive: true })).sort()
  assert.deepEqual(await names(path), await names(mirror.upstream), what)
  for (const name of await names(path)) {
    const stats = await lstat(join(path, name))
    if (stats.isDirectory()) continue
    assert.ok(stats.isFile(), `${what}: ${name}`)
    assert.equal(stats.mode & 0o7777, 0o444, `${what}: ${name}`)
    const bytes = await readFile(join(mirror.upstream, name))
    assert.deepEqual(await readFile(join(path, name)), bytes, `${what}: ${name}`)
  }
}

async function blobOf(mirror: TestMirror, version: number, path: string): Promise<BlobId> {
  const files = await readManifest(mirror.database.query, version)
  return (files.find((file) => file.path === path) as { blob: BlobId }).blob
}

/** Replaces the file by a separate one, so that a change of it doesn't change the pool. */
async function replace(path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const bytes = await readFile(path)
  await rm(path)
  await writeFile(path, change(bytes), { mode: 0o444 })
}

/** Overwrites six bytes of the file in place, so that all its hard links change. */
async function overwrite(path: string): Promise<void> {
  await chmod(path, 0o644)
  const file = await open(path, 'r+')
  await file.write('DAMAGE', 100)
  await file.close()
}

const altered = (bytes: Buffer): Buffer => {
  const other = Buffer.from(bytes)
  other.write('DAMAGE', 100)
  return other
}

const damages: [string, (tree: string) => Promise<unknown>][] = [
  ['a deleted package', (tree) => rm(join(tree, RPM))],
  ['a deleted repomd.xml', (tree) => rm(join(tree, 'repodata/repomd.xml'))],
  ['no repodata', (tree) => rm(join(tree, 'repodata'), { recursive: true })],
  ['no folder of packages', (tree) => rm(join(tree, 'Packages'), { recursive: true })],
  ['an altered package', (tree) => replace(join(tree, RPM), altered)],
  [
    'an altered package with the times of the old one',
    async (tree) => {
      const { atime, mtime } = await lstat(join(tree, RPM))
      await replace(join(tree, RPM), altered)
      await utimes(join(tree, RPM), atime, mtime)
    },
  ],
  ['a package cut short', (tree) => replace(join(tree, RPM), (bytes) => bytes.subarray(0, 200))],
  ['an empty repomd.xml', (tree) => replace(join(tree, 'repodata/repomd.xml'), () => Buffer.of())],
  [
    'a link in place of a package',
    async (tree) => {
      await rename(join(tree, RPM), `${tree}.moved`)
      await symlink(`${tree}.moved`, join(tree, RPM))
    },
  ],
  [
    'a link in place of a folder',
    async (tree) => {
      await rename(join(tree, 'Packages'), `${tree}.moved`)
      await symlink(`${tree}.moved`, join(tree, 'Packages'))
    },
  ],
  ['a file too many', (tree) => writeFile(join(tree, 'Packages/p/more.rpm'), 'x')],
  ['a folder too many', (tree) => mkdir(join(tree, 'more'))],
  ['a file that only root may read', (tree) => chmod(join(tree, RPM), 0o400)],
  ['a folder that only root may read', (tree) => chmod(join(tree, 'Packages'), 0o700)],
  ['no tree', (tree) => rm(tree, { recursive: true })],
  ['no manifest', (tree) => rm(join(tree, '../MANIFEST'))],
  ['no record', (tree) => rm(join(tree, '../CONTENT'), { force: true })],
  ['a record cut short', (tree) => truncate(join(tree, '../CONTENT'), 20)],
  ['no generation', (tree) => rm(dirname(tree), { recursive: true })],
  ['no generations', (tree) => rm(dirname(dirname(tree)), { recursive: true })],
  ['nothing below .gen', (tree) => rm(join(tree, '../../..'), { recursive: true })],
]

test('the next publication repairs deleted, altered and replaced files', async () => {
  const { mirror, version } = await published()
  await using _ = mirror
  for (const publication of [latest(mirror), snapshot(mirror)]) {
    for (const [what, damage] of damages) {
      const { location } = await mirror.publisher.publish({ ...publication, version, signal })
      const generation = join(
        dirname(publication.path),
        '.gen',
        basename(publication.path),
        location,
      )
      await damage(join(generation, 'tree'))
      const again = await mirror.publisher.publish({ ...publication, version, signal })
      assert.equal(again.changed, true, what)
      assert.ok(again.repaired.length > 0, what)
      await assertLikeUpstream(mirror, publication.path, what)
    }
  }
  await rm(join(mirror.folder, 'publish'), { recursive: true })
  const repairs = await mirror.publisher.repair([latest(mirror), snapshot(mirror)], signal)
  assert.deepEqual(
    repairs.map(({ target, error }) => [target, error]),
    [
      ['latest', undefined],
      ['s1', undefined],
    ],
  )
  for (const { path } of [latest(mirror), snapshot(mirror)])
    await assertLikeUpstream(mirror, path, 'nothing published')
  assert.deepEqual(await mirror.publisher.repair([latest(mirror), snapshot(mirror)], signal), [])
})

test('rejects damaged content by name, and keeps the earlier publication', async () => {
  const { mirror, version } = await published()
  await using _ = mirror
  const blob = await blobOf(mirror, version, RPM)
  await writeRepository(mirror.upstream, testPackages(3, '2.0'), { revision: 1_800_000_000 })
  const second = complete(await mirror.sync()).version as number
  await mirror.publisher.publish({ ...latest(mirror), version: second, signal })
  const before = await readlink(latest(mirror).path)
  await overwrite(mirror.pool.path(blob))
  const third = { repository: 'repo', target: 's2', path: join(mirror.folder, 's2') }
  for (const publication of [latest(mirror), third, snapshot(mirror)]) {
    await assert.rejects(
      mirror.publisher.publish({ ...publication, version, signal }),
      { code: 'publish.content', exit: 'partly', message: new RegExp(RPM) },
      publication.target,
    )
  }
  assert.equal(await readlink(latest(mirror).path), before)
  await assert.rejects(lstat(third.path), { code: 'ENOENT' })
  const [repair, ...more] = await mirror.publisher.repair(
    [latest(mirror), snapshot(mirror)],
    signal,
  )
  assert.deepEqual([repair?.target, repair?.files, more], ['s1', [RPM], []])
  assert.equal(repair?.error?.code, 'publish.content')
  // The content returns from another mirror, so the snapshot can be built again. Its new file is a
  // separate one, so the damaged file doesn't affect it.
  await using other = await testMirror()
  await writeRepository(other.upstream, testPackages(3))
  complete(await other.sync())
  await mirror.pool.ingest(other.pool.read(blob), { maxBytes: 1024 ** 2 })
  const [healed] = await mirror.publisher.repair([snapshot(mirror)], signal)
  assert.deepEqual([healed?.target, healed?.error], ['s1', undefined])
  await assertLikeUpstream({ ...mirror, upstream: other.upstream }, snapshot(mirror).path, 's1')
})

test('publishing hashes no verified file again', async () => {
  const { mirror, version } = await published()
  await using _ = mirror
  const files = await readManifest(mirror.database.query, version)
  const times = (): (number | undefined)[] => files.map(({ blob }) => mirror.pool.verifiedAt(blob))
  const before = times()
  assert.ok(before.every((at) => at !== undefined))
  await mirror.publisher.publish({ ...latest(mirror), version, signal })
  await mirror.publisher.publish({
    ...latest(mirror),
    target: 's3',
    path: join(mirror.folder, 's3'),
    version,
    signal,
  })
  assert.equal(complete(await mirror.sync()).upToDate, true)
  assert.deepEqual(times(), before)
  // Each repair builds another generation. The oldest generation is removed with its links.
  for (let round = 0; round < 4; round += 1) {
    await rm(join(latest(mirror).path, RPM))
    await mirror.publisher.publish({ ...latest(mirror), version, signal })
  }
  await mirror.publisher.withdraw(snapshot(mirror))
  const rpm = await blobOf(mirror, version, RPM)
  const others = files.filter(({ blob }) => blob !== rpm).map(({ blob }) => blob)
  for (const blob of others) assert.equal(await mirror.pool.verify(blob), 'sound')
  assert.deepEqual(
    others.map((blob) => mirror.pool.verifiedAt(blob)),
    before.filter((_at, index) => files[index]?.blob !== rpm),
  )
})

test('hashes a published file once after its attributes changed', async () => {
  const { mirror, version } = await published()
  await using _ = mirror
  const path = join(latest(mirror).path, RPM)
  const own = join(latest(mirror).path, 'Packages/p/pkg1-1.0-1.noarch.rpm')
  const blob = await blobOf(mirror, version, RPM)
  await replace(own, (bytes) => bytes)
  await utimes(own, 1, 1)
  await link(path, join(mirror.folder, 'backup'))
  const record = join(dirname(await realpath(latest(mirror).path)), 'CONTENT')
  const publish = async (): Promise<boolean> =>
    (await mirror.publisher.publish({ ...latest(mirror), version, signal })).changed
  assert.equal(await publish(), false)
  const [at, marks] = [mirror.pool.verifiedAt(blob), await readFile(record, 'utf8')]
  // The pool doesn't record a file that was hashed too soon after a change. Then the record beside
  // the tree has it.
  assert.ok(marks.includes(RPM) || mirror.pool.holds(blob, await lstat(path, { bigint: true })))
  assert.match(marks, /^own .*pkg1-1\.0-1\.noarch\.rpm$/m)
  assert.equal(await publish(), false)
  assert.deepEqual([mirror.pool.verifiedAt(blob), await readFile(record, 'utf8')], [at, marks])
})

test('builds a generation again that was partly deleted', async () => {
  const { mirror, version } = await published()
  await using _ = mirror
  const { path } = snapshot(mirror)
  const generations = join(dirname(path), '.gen/s1')
  // Simulates a removal that a full disk or a kill interrupted.
  const [name] = (await readdir(generations)) as [string]
  await cp(join(generations, name), `${generations}.kept`, { recursive: true })
  await mirror.publisher.withdraw(snapshot(mirror))
  await mkdir(generations, { recursive: true })
  await rename(`${generations}.kept`, join(generations, name))
  await rm(join(generations, name, 'tree', RPM))
  await mirror.publisher.publish({ ...snapshot(mirror), version, signal })
  await assertLikeUpstream(mirror, path, 'half deleted')
})

test('removes leftovers of ended processes only', async () => {
  const { mirror, version } = await published()
  await using _ = mirror
  const generations = join(dirname(latest(mirror).path), '.gen/latest')
  const own = ownProcess() as string
  const [boot, namespace] = own.split('.')
  const dice = '0123456789abcdef'
  const living = `building-${own}-${dice}`
  const ended = [
    `building-${boot}.${namespace}.${process.pid}.1-${dice}`,
    `removing-${own}-${dice}`,
  ]
  const elsewhere = `building-00000000.1.1.1-${dice}`
  const silent = `building-00000000.1.1.2-${dice}`
  for (const name of [living, ...ended, elsewhere, silent]) {
    await mkdir(join(generations, name, 'tree'), { recursive: true })
    await writeFile(join(generations, name, 'tree/file'), name)
  }
  const old = systemClock.now() / 1000 - 2 * 3_600
  for (const name of [living, silent]) await utimes(join(generations, name), old, old)
  await rm(join(latest(mirror).path, RPM))
  await mirror.publisher.publish({ ...latest(mirror), version, signal })
  const left = (await readdir(generations)).filter((name) => !/^\d/.test(name))
  assert.deepEqual(left.sort(), [living, elsewhere].sort())
})

test('leaves out damaged metadata of earlier versions', async () => {
  const { mirror, version } = await published()
  await using _ = mirror
  const old = (await readManifest(mirror.database.query, version)).find(({ path }) =>
    path.endsWith('-other.xml.gz'),
  ) as { blob: BlobId; path: string }
  await writeRepository(mirror.upstream, testPackages(3, '2.0'), { revision: 1_800_000_000 })
  const second = complete(await mirror.sync()).version as number
  await overwrite(mirror.pool.path(old.blob))
  await mirror.publisher.publish({ ...latest(mirror), version: second, signal })
  const names = await readdir(join(latest(mirror).path, 'repodata'))
  assert.equal(names.includes(basename(old.path)), false)
  assert.equal(names.length, 1 + 3 + 2)
})

test('compares the attributes of a copied package with the recorded ones', async () => {
  const { mirror, version } = await published()
  await using _ = mirror
  const path = join(latest(mirror).path, RPM)
  // The same bytes in a separate file, as after a copy to another volume.
  await replace(path, (bytes) => bytes)
  const same = await mirror.publisher.publish({ ...latest(mirror), version, signal })
  assert.equal(same.changed, false)
  assert.equal((await lstat(path)).nlink, 1)
})
