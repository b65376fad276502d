/** The configured repositories by id, and the path at which each is published. */
import type { RepositoryConfig } from '../../shared/config/repository.ts'
import { join } from 'node:path'
import { defineErrors } from '../../shared/errors.ts'

export const repositoryError = defineErrors({
  'repository.unknown': {
    exit: 'notFound',
    message: (d: { repository: string; known: readonly string[] }) =>
      `there is no repository ${JSON.stringify(d.repository)}${shownIds(d.known)}`,
    hint: () =>
      'repositories are files in conf.d with name and type; ' +
      'the coordinator reads them when it starts',
  },
  'repository.incomplete': {
    exit: 'partly',
    retryable: true,
    message: (d: { repository: string; missing: number; of: number }) =>
      `${d.missing} of ${d.of} files of ${d.repository} could not be fetched; ` +
      'nothing was published',
    hint: () => 'the next sync fetches only what is missing',
  },
  'repository.interrupted': {
    exit: 'failed',
    retryable: true,
    message: (d: { repository: string }) =>
      `the sync of ${d.repository} stopped before it was complete; nothing was published`,
    hint: (d: { repository: string }) =>
      `run \`muster repo sync --repo-id ${d.repository}\` to continue where it stopped`,
  },
  'repository.no-snapshot': {
    exit: 'partly',
    message: (d: { repository: string; name: string; served: number; reason: string }) =>
      `${d.repository} was synced and serves version ${d.served}, ` +
      `but snapshot ${d.name} was not made: ${d.reason}`,
    hint: (d: { repository: string }) =>
      `run \`muster snapshot create --repo-id ${d.repository} --name NAME\` ` +
      'with a name that is free',
  },
  'repository.never-synced': {
    exit: 'notFound',
    message: (d: { repository: string }) => `${d.repository} has never been synced completely`,
    hint: (d: { repository: string }) => `run \`muster repo sync --repo-id ${d.repository}\``,
  },
})

function shownIds(ids: readonly string[]): string {
  return ids.length > 0 ? `; there are ${ids.slice(0, 10).join(', ')}` : ''
}

export interface Repositories {
  readonly all: readonly RepositoryConfig[]
  /** @throws repository.unknown */
  get(id: string): RepositoryConfig
  /** Returns the published path of a target: `latest`, or a snapshot's name. */
  path(id: string, target: string): string
}

export function createRepositories(all: readonly RepositoryConfig[]): Repositories {
  const byId = new Map(all.map((repository) => [repository.name, repository]))
  const get = (id: string): RepositoryConfig => {
    const found = byId.get(id)
    if (found === undefined)
      throw repositoryError('repository.unknown', { repository: id, known: [...byId.keys()] })
    return found
  }
  return {
    all,
    get,
    path: (id, target) => {
      const { latest_path: latest, snapshots_path: snapshots } = get(id).publish
      return target === 'latest' ? latest : join(snapshots, target)
    },
  }
}
