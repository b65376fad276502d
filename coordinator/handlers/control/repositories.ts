/** Answers about repositories and snapshots. */
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
  /** Where the web server serves `latest`; undefined while there is none. */
  readonly url: (repository: string) => string | undefined
}

/** Upstreams that are asked at once for news. */
const PARALLEL_CHECKS = 4

export function repositoryHandlers(deps: RepositoryDeps): RepositoryHandlers {
  const { database, repositories, snapshots } = deps
  const target = ({ repository }: { repository: string }): Promise<Target[]> =>
    Promise.resolve([{ namespace: `repo/${repository}` }])

  const row = async (config: RepositoryConfig): Promise<RepositoryRow> => {
    const {
      packages,
      bytes,
      revision,
      lastSync,
      snapshots: names,
      published,
      version,
    } = await repositoryStatus(database.query, config.name)
    return {
      id: config.name,
      type: config.type,
      enabled: config.enabled,
      upstream: config.upstream.url,
      packages,
      bytes,
      revision,
      lastSync: lastSync && {
        startedAt: rfc3339(lastSync.startedAt),
        finishedAt: lastSync.finishedAt === null ? null : rfc3339(lastSync.finishedAt),
        result: lastSync.result,
        message: lastSync.message,
      },
      snapshots: [...names],
      retention: config.retention.policy,
      published: published === null ? null : (deps.url(config.name) ?? null),
      version,
      served: servedRow(published, version),
    }
  }

  return {
    'repo.list': async () => ({ repositories: await Promise.all(repositories.all.map(row)) }),
    'repo.show': { targets: target, run: ({ repository }) => row(repositories.get(repository)) },
    'repo.check': async ({ repository }, { signal }) => {
      const chosen =
        repository === undefined
          ? repositories.all.filter((config) => config.enabled)
          : [repositories.get(repository)]
      const checked = await concurrently(chosen, PARALLEL_CHECKS, async (config) => ({
        id: config.name,
        ...(await deps.mirror.check(config, signal)),
      }))
      const ids = (changed: boolean): string[] =>
        checked.filter((one) => one.changed === changed).map((one) => one.id)
      return { changed: ids(true), unchanged: ids(false) }
    },
    'repo.plan': {
      targets: target,
      async run({ repository }, { signal }) {
        const result = await deps.mirror.sync(repositories.get(repository), {
          signal,
          dryRun: true,
        })
        if (result.result === 'failed') throw result.error
        return {
          repository,
          fetch: result.fetched,
          bytes: result.bytes,
          remove: result.removed,
          unchanged: result.unchanged,
        }
      },
    },
    'snapshot.list': async ({ repository }) => {
      if (repository !== undefined) repositories.get(repository)
      return { snapshots: (await snapshots.list({ repository })).map(snapshotRow) }
    },
    'snapshot.diff': {
      targets: async ({ repository }) => [{ namespace: `snapshot/${repository}` }],
      async run({ repository, from, to }, { signal }) {
        const [before, after] = [
          await snapshots.show({ repository, name: from }),
          await snapshots.show({ repository, name: to }),
        ]
        const type = await typeOf(database.query, repository)
        const format = deps.formats.of(repository, type)
        const { added, removed, updated, advisories } = await diffVersions(
          { query: database.query, pool: deps.pool, format },
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
      },
    },
  }
}

function snapshotRow(snapshot: Snapshot): SnapshotRow {
  const { name, repository, createdAt, description, packages, bytes, revision } = snapshot
  return { name, repository, createdAt: rfc3339(createdAt), description, packages, bytes, revision }
}
