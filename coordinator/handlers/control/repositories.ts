/** Returns repositories and snapshots. */
import type { control } from '../../../protocols/control/protocol.ts'
import type { RepositoryRow, SnapshotRow } from '../../../protocols/control/messages.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import type { Target } from '../../../protocols/rpc/peer.ts'
import type { Pool } from '../../../shared/blobs/pool.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import { concurrently } from '../../../shared/concurrency/concurrently.ts'
import type { Database } from '../../database/database.ts'
import type { Formats } from '../../repositories/formats/format.ts'
import type { Mirror } from '../../repositories/sync/mirror.ts'
import { repositoryStatus, typeOf } from '../../repositories/versions/status.ts'
import type { Repositories } from '../../repositories/configured.ts'
import { servedBy } from '../../repositories/publish/served.ts'
import { servedRow } from './served.ts'
import { diffVersions } from '../../repositories/snapshots/diff.ts'
import type { Snapshot, Snapshots } from '../../repositories/snapshots/snapshots.ts'

type Control = Handlers<typeof control>
export type RepositoryHandlers = Pick<
  Control,
  'repo.list' | 'repo.show' | 'repo.check' | 'repo.plan' | 'snapshot.list' | 'snapshot.diff'
>

export interface RepositoryDeps {
  readonly repositories: Repositories
  readonly mirror: Mirror
  readonly snapshots: Snapshots
  readonly database: Database
  readonly formats: Formats
  readonly pool: Pool
  /**
   * Returns the address at which the web server serves `latest`. Undefined if there is no web
   * server.
   */
  readonly url: (repository: string) => string | undefined
}

/** The number of upstreams that are checked at the same time. */
const PARALLEL_CHECKS = 4

export function repositoryHandlers(deps: RepositoryDeps): RepositoryHandlers {
  const { repositories, snapshots } = deps
  const targets = async ({ repository }: { repository: string }): Promise<Target[]> => [
    { namespace: `repo/${repository}` },
  ]
  return {
    'repo.list': async () => ({
      repositories: await Promise.all(
        repositories.all.map((config) => repositoryRow(deps, config)),
      ),
    }),
    'repo.show': {
      targets,
      run: ({ repository }) => repositoryRow(deps, repositories.get(repository)),
    },
    async 'repo.check'({ repository }, { signal }) {
      const chosen =
        repository === undefined
          ? repositories.all.filter((config) => config.enabled)
          : [repositories.get(repository)]
      return checkUpstreams(deps.mirror, chosen, signal)
    },
    'repo.plan': {
      targets,
      run: ({ repository }, { signal }) =>
        planSync(deps.mirror, repositories.get(repository), signal),
    },
    async 'snapshot.list'({ repository }) {
      if (repository !== undefined) repositories.get(repository)
      return { snapshots: (await snapshots.list({ repository })).map(snapshotRow) }
    },
    'snapshot.diff': {
      targets: async ({ repository }) => [{ namespace: `snapshot/${repository}` }],
      run: (request, { signal }) => diffSnapshots(deps, request, signal),
    },
  }
}

async function repositoryRow(
  { database, url }: Pick<RepositoryDeps, 'database' | 'url'>,
  { name, type, enabled, upstream, retention }: RepositoryConfig,
): Promise<RepositoryRow> {
  const status = await repositoryStatus(database.query, name)
  const { packages, bytes, revision, lastSync, published, version } = status
  return {
    id: name,
    type,
    enabled,
    upstream: upstream.url,
    packages,
    bytes,
    revision,
    lastSync: lastSync && {
      startedAt: rfc3339(lastSync.startedAt),
      finishedAt: lastSync.finishedAt === null ? null : rfc3339(lastSync.finishedAt),
      result: lastSync.result,
      message: lastSync.message,
    },
    snapshots: [...status.snapshots],
    retention: retention.policy,
    published: published === null ? null : (url(name) ?? null),
    version,
    served: servedRow(servedBy(published, version)),
  }
}

async function checkUpstreams(
  mirror: Mirror,
  configs: readonly RepositoryConfig[],
  signal: AbortSignal,
): Promise<{ changed: string[]; unchanged: string[] }> {
  const checked = await concurrently(configs, PARALLEL_CHECKS, async (config) => ({
    id: config.name,
    ...(await mirror.check(config, signal)),
  }))
  const ids = (isChanged: boolean): string[] =>
    checked.filter((each) => each.changed === isChanged).map((each) => each.id)
  return { changed: ids(true), unchanged: ids(false) }
}

async function planSync(mirror: Mirror, config: RepositoryConfig, signal: AbortSignal) {
  const plan = await mirror.sync(config, { signal, dryRun: true })
  if (plan.result === 'failed') throw plan.error
  const { fetched: fetch, bytes, removed: remove, unchanged } = plan
  return { repository: config.name, fetch, bytes, remove, unchanged }
}

async function diffSnapshots(
  { database, formats, pool, snapshots }: RepositoryDeps,
  { repository, from, to }: { repository: string; from: string; to: string },
  signal: AbortSignal,
) {
  const { query } = database
  const before = await snapshots.show({ repository, name: from })
  const after = await snapshots.show({ repository, name: to })
  const format = formats.of(repository, await typeOf(query, repository))
  const { added, removed, updated, advisories } = await diffVersions(
    { query, pool, format },
    before.version,
    after.version,
    signal,
  )
  return {
    added: [...added],
    removed: [...removed],
    updated: [...updated],
    advisories: [...advisories],
  }
}

function snapshotRow(snapshot: Snapshot): SnapshotRow {
  const { name, repository, createdAt, description, packages, bytes, revision } = snapshot
  return { name, repository, createdAt: rfc3339(createdAt), description, packages, bytes, revision }
}
