/**
 * Finds valid settings that this version doesn't support. `muster config validate` rejects them.
 * The coordinator reports them at its start, and a sync rejects the repository. So no operation
 * succeeds without doing what the configuration requires.
 */
import type { KeyPath } from './document.ts'
import type { RepositoryConfig } from './repository.ts'
import type { Config } from './schema.ts'

export interface Unsupported {
  /** The key of the setting. */
  readonly path: KeyPath
  readonly text: string
}

/** Returns the settings of one repository. The coordinator runs, but doesn't sync it. */
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
      'this version mirrors all architectures of a repository; remove it',
    )
  for (const key of ['gpgcheck', 'repo_gpgcheck'] as const)
    if (config.rpm[key])
      add(
        ['rpm', key],
        'this version cannot check OpenPGP signatures; set it to false to mirror without the check',
      )
  // Disabled repositories are never synced, so their schedule is ignored.
  if (config.schedule !== undefined && config.enabled)
    add(['schedule'], 'this version starts no syncs; remove it and let cron run `muster repo sync`')
  return found
}

/** Returns the settings of the main configuration. The coordinator doesn't start. */
export function unsupportedSettings(config: Pick<Config, 'database'>): readonly Unsupported[] {
  // The store supports PostgreSQL and is tested, but `muster init` can't create a fleet in it.
  return /^postgres(ql)?:/.test(config.database.url)
    ? [
        {
          path: ['database', 'url'],
          text: "PostgreSQL isn't supported yet; remove it to use `muster.db` in the home",
        },
      ]
    : []
}

/** Returns why an upstream URL is rejected. Never quotes it, because it may contain a password. */
export function addressFault(url: string): string | undefined {
  const { username, password, search, hash } = new URL(url)
  if (username !== '' || password !== '')
    return 'it contains a user name or password; move them to credentials'
  if (search !== '' || hash !== '')
    return 'it has a query or fragment; expected the folder that contains repodata/'
  return undefined
}
