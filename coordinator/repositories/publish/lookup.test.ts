import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { samplePackages } from '../../../fixtures/rpm/sample.ts'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { systemClock } from '../../../shared/clock.ts'
import { DIALECTS } from '../../database/testing.ts'
import { catalogHandlers } from '../../handlers/catalog.ts'
import { complete, testMirror } from '../sync/testing.ts'
import { createRepositories } from '../configured.ts'
import { createLookup } from './lookup.ts'

const signal = new AbortController().signal

for (const dialect of DIALECTS) {
  test(`the lookup finds the same files as the published folder (${dialect})`, async () => {
    await using mirror = await testMirror({ dialect })
    const lookup = createLookup({ database: mirror.database, clock: systemClock })
    const path = mirror.config().publish.latest_path
    const target = { repository: 'repo', target: 'latest', path }
    assert.equal(await lookup.lookup('repo', 'latest', 'repodata/repomd.xml'), undefined)
    assert.equal(await lookup.list('repo', 'latest', ''), undefined)
    for (const revision of [1_700_000_000, 1_800_000_000]) {
      await writeRepository(
        mirror.upstream,
        revision === 1_700_000_000 ? samplePackages : samplePackages.slice(1),
        { revision },
      )
      const result = await mirror.sync()
      assert.equal(result.result, 'complete')
      await mirror.publisher.publish({
        ...target,
        version: (result as { version: number }).version,
        signal,
      })
    }
    const entries = await readdir(path, { recursive: true, withFileTypes: true })
    for (const entry of entries) {
      const name = join(entry.parentPath, entry.name).slice(path.length + 1)
      if (entry.isFile()) {
        const found = await lookup.lookup('repo', 'latest', name)
        assert.ok(found, name)
        assert.deepEqual(
          await readFile(mirror.pool.path(found.blob)),
          await readFile(join(path, name)),
          name,
        )
        assert.equal(found.size, (await readFile(join(path, name))).length)
      } else {
        const listed = (await lookup.list('repo', 'latest', name))?.map((each) => each.name)
        // Metadata of earlier generations can be fetched, but isn't listed.
        if (name !== 'repodata')
          assert.deepEqual(listed, (await readdir(join(path, name))).sort(), name)
      }
    }
    const top = await lookup.list('repo', 'latest', '')
    assert.deepEqual(top, [
      { name: 'Packages', kind: 'folder' },
      { name: 'repodata', kind: 'folder' },
    ])
    for (const absent of [
      '',
      'Packages',
      'Packages/none.rpm',
      'repodata/repomd.xml/',
      '../x',
      'repodata/repomd.xm_',
      '%',
    ])
      assert.equal(await lookup.lookup('repo', 'latest', absent), undefined, absent)
    assert.equal(await lookup.list('repo', 'latest', 'Pack'), undefined)
    assert.equal(await lookup.lookup('other', 'latest', 'repodata/repomd.xml'), undefined)
    assert.deepEqual(
      (await lookup.targets('repo')).map((each) => [each.target, each.generation]),
      [['latest', 2]],
    )
  })
}

test('lists a configured key as a key, even if its name is unusual', async () => {
  await using mirror = await testMirror()
  const lookup = createLookup({ database: mirror.database, clock: systemClock })
  await writeRepository(mirror.upstream, samplePackages.slice(1))
  const file = join(mirror.folder, 'vendor key.asc')
  await writeFile(file, '-----BEGIN PGP PUBLIC KEY BLOCK-----')
  const config = mirror.config({
    rpm: { gpgkey_file: file, gpgcheck: false, repo_gpgcheck: false },
  })
  const { version } = complete(await mirror.sync({}, config))
  assert.deepEqual(await lookup.keys('repo', 'latest'), [])
  await mirror.publisher.publish({
    repository: 'repo',
    target: 'latest',
    path: config.publish.latest_path,
    version: version as number,
    signal,
  })
  assert.deepEqual(await lookup.keys('repo', 'latest'), ['vendor key.asc'])
  const catalog = catalogHandlers({ lookup, repositories: createRepositories([config]) })
  assert.deepEqual(await (catalog.repositories as () => Promise<unknown>)(), {
    repositories: [
      { id: 'repo', type: 'rpm', snapshots: [], gpgkey: 'vendor key.asc', latest: true },
    ],
  })
})
