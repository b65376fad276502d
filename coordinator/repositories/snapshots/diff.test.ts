import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import type { NamedVersion } from '../../../shared/packages/manager.ts'
import { repositoryStatus, syncRunResult } from '../versions/status.ts'
import { testMirror } from '../sync/testing.ts'
import { rpmFormat } from '../formats/rpm/format.ts'
import { diffPackages, diffVersions } from './diff.ts'

const { manager } = rpmFormat

const pkg = (name: string, version: string, arch = 'x86_64', epoch = 0): NamedVersion => ({
  name,
  epoch,
  version,
  release: '1',
  arch,
})

test('a diff pairs replaced packages, and lists added and removed ones', () => {
  assert.deepEqual(
    diffPackages(
      manager,
      [pkg('a', '1'), pkg('b', '1'), pkg('k', '1'), pkg('k', '2')],
      [pkg('a', '2'), pkg('c', '1', 'noarch', 2), pkg('k', '2'), pkg('k', '3')],
    ),
    {
      added: ['c-2:1-1.noarch'],
      removed: ['b-1-1.x86_64'],
      updated: [
        { name: 'a', arch: 'x86_64', from: '1-1', to: '2-1' },
        { name: 'k', arch: 'x86_64', from: '1-1', to: '3-1' },
      ],
    },
  )
  const several = diffPackages(manager, [pkg('k', '1.9')], [pkg('k', '1.10'), pkg('k', '1.11')])
  assert.deepEqual(several, {
    added: ['k-1.10-1.x86_64'],
    removed: [],
    updated: [{ name: 'k', arch: 'x86_64', from: '1.9-1', to: '1.11-1' }],
  })
})

test('a diff is empty for equal sets, and applied to the first set it gives the second', () => {
  const set = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b'),
      version: fc.constantFrom('1', '2', '10'),
      arch: fc.constantFrom('x', 'y'),
    }),
    {
      selector: (each) => `${each.name}${each.version}${each.arch}`,
    },
  )
  fc.assert(
    fc.property(set, set, (first, second) => {
      const [before, after] = [first, second].map((all) =>
        all.map((each) => pkg(each.name, each.version, each.arch)),
      ) as [NamedVersion[], NamedVersion[]]
      assert.deepEqual(diffPackages(manager, before, before), {
        added: [],
        removed: [],
        updated: [],
      })
      const { added, removed, updated } = diffPackages(manager, before, after)
      const result = new Set(before.map(manager.formatPackage))
      for (const each of [
        ...removed,
        ...updated.map((change) => `${change.name}-${change.from}.${change.arch}`),
      ])
        assert.ok(result.delete(each))
      for (const each of [
        ...added,
        ...updated.map((change) => `${change.name}-${change.to}.${change.arch}`),
      ])
        assert.ok(!result.has(each) && result.add(each))
      assert.deepEqual([...result].sort(), after.map(manager.formatPackage).sort())
    }),
  )
})

const updateinfo = (ids: readonly string[]): string =>
  `<updates>${ids.map(update).join('')}</updates>`

const update = (id: string): string =>
  `<update type="security"><id>${id}</id><title>t</title>` +
  '<references><reference id="CVE-1"/></references></update>'

test('a diff has new advisories, and the status has the last sync', async () => {
  await using mirror = await testMirror()
  const versions: number[] = []
  const empty = await repositoryStatus(mirror.database.query, 'repo')
  assert.deepEqual(empty, {
    packages: 0,
    bytes: 0,
    revision: null,
    version: null,
    lastSync: null,
    snapshots: [],
    published: null,
  })
  for (const [revision, ids] of [
    [1_700_000_000, ['LAB-1']],
    [1_800_000_000, ['LAB-1', 'LAB-3', 'LAB-2']],
  ] as const) {
    const also = [{ type: 'updateinfo', name: 'updateinfo.xml', text: updateinfo(ids) }]
    await writeRepository(
      mirror.upstream,
      [{ name: 'a', version: String(revision), release: '1' }],
      { revision, also },
    )
    const result = await mirror.sync({ run: `run-${revision}` })
    assert.equal(result.result, 'complete')
    versions.push((result as { version: number }).version)
  }
  const [from, to] = versions as [number, number]
  assert.deepEqual(
    await diffVersions(
      { query: mirror.database.query, pool: mirror.pool, format: rpmFormat },
      from,
      to,
    ),
    {
      added: [],
      removed: [],
      updated: [{ name: 'a', arch: 'noarch', from: '1700000000-1', to: '1800000000-1' }],
      advisories: ['LAB-2', 'LAB-3'],
    },
  )
  const status = await repositoryStatus(mirror.database.query, 'repo')
  assert.deepEqual(
    [
      status.packages,
      status.revision,
      status.version,
      status.lastSync?.run,
      status.lastSync?.result,
    ],
    [1, '1800000000', to, 'run-1800000000', 'complete'],
  )
  assert.equal(await syncRunResult(mirror.database.query, 'run-1700000000'), 'complete')
  assert.equal(await syncRunResult(mirror.database.query, 'none'), undefined)
})
