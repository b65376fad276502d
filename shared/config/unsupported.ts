/**
 * What a valid configuration asks for and this version does not do: the one list, for
 * `muster config validate`, which refuses it, for the coordinator as it starts, which says so, and
 * for a sync, which refuses that repository. Never a success that is not what was asked for.
 */
import type { KeyPath } from './document.ts'
import type { RepositoryConfig } from './repository.ts'
import type { Config } from './schema.ts'

export interface Unsupported {
  /** The key that asks for it. */
  readonly path: KeyPath
  readonly text: string
}

/** Of one repository; the coordinator goes on without syncing it. */
export function unsupportedOf(
  config: Pick<RepositoryConfig, 'enabled' | 'upstream' | 'rpm' | 'schedule'>,
): readonly Unsupported[] {
  const found: Unsupported[] = []
  const add = (path: KeyPath, text: string): unknown => found.push({ path, text })
  const address = addressFault(config.upstream.url)
  if (address !== undefined) add(['upstream', 'url'], address)
  if (config.rpm.architectures !== undefined)
    add(
      ['rpm', 'architectures'],
      'this version mirrors all architectures of a repository; leave it out',
    )
  for (const key of ['gpgcheck', 'repo_gpgcheck'] as const)
    if (config.rpm[key])
      add(
        ['rpm', key],
        'this version cannot check OpenPGP signatures; to mirror without that check set it to false',
      )
  // Of a repository that is disabled nobody expects that it is synced.
  if (config.schedule !== undefined && config.enabled)
    add(
      ['schedule'],
      'this version does not start syncs by itself; leave it out, and let cron run `muster repo sync`',
    )
  return found
}

/** Of the main configuration; the coordinator does not start. */
export function unsupportedSettings(config: Pick<Config, 'database'>): readonly Unsupported[] {
  // Its parts are there and tested; nothing makes a fleet's database in it.
  return /^postgres(ql)?:/.test(config.database.url)
    ? [
        {
          path: ['database', 'url'],
          text: 'this version founds no fleet in PostgreSQL; leave it out for `muster.db` in the home',
        },
      ]
    : []
}

/** Why the address of an upstream is refused; never quotes it, because it may hold a password. */
export function addressFault(url: string): string | undefined {
  const { username, password, search, hash } = new URL(url)
  if (username !== '' || password !== '')
    return 'it holds a user name or password; write them under credentials'
  if (search !== '' || hash !== '')
    return 'it has a query or fragment; it must be the folder that holds repodata/'
  return undefined
}
