import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formats } from '../../compose/formats.ts'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import type { RepositoryRow } from '../../../protocols/control/messages.ts'
import { complete, testMirror, testPackages } from '../../repositories/sync/testing.ts'
import { createRepositories } from '../../repositories/configured.ts'
import { createSnapshots } from '../../repositories/snapshots/snapshots.ts'
import { repositoryHandlers } from './repositories.ts'

test('repo list: shows the last sync, and the address once it is published', async () => {
  await using mirror = await testMirror()
  const { database, pool, publisher } = mirror
  const repositories = createRepositories([mirror.config()])
  const url = (id: string): string => `http://coordinator.invalid/repos/${id}/latest/`
  const handlers = repositoryHandlers({
    repositories,
    mirror: mirror.mirror,
    snapshots: createSnapshots({ database }),
    database,
    formats,
    pool,
    url,
  })
  const list = handlers['repo.list'] as unknown as () => Promise<{ repositories: RepositoryRow[] }>
  const row = async (): Promise<RepositoryRow> => (await list()).repositories[0] as RepositoryRow
  assert.deepEqual(
    [(await row()).packages, (await row()).lastSync, (await row()).published],
    [0, null, null],
  )
  await writeRepository(mirror.upstream, testPackages(2))
  const { version } = complete(await mirror.sync())
  assert.deepEqual(
    [(await row()).packages, (await row()).lastSync?.result, (await row()).published],
    [2, 'complete', null],
  )
  const { signal } = new AbortController()
  await publisher.publish({
    repository: 'repo',
    target: 'latest',
    path: repositories.path('repo', 'latest'),
    version: version as number,
    signal,
  })
  assert.equal((await row()).published, url('repo'))
})
