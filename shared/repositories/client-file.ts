/**
 * The files with which the package managers of a host use a published repository, by type of
 * repository. The host writes them itself, so that a coordinator can't add settings to them.
 */

export interface ClientRepository {
  readonly id: string
  /** The type in the configuration, such as `rpm`. */
  readonly type: string
  /** The address of the published tree. It ends in a slash. */
  readonly url: string
  /** The path below `url` of a public key to import; null if there is none. */
  readonly key: string | null
}

type Writer = (repository: ClientRepository) => string

/** A new type of repository is added here. */
const WRITERS: ReadonlyMap<string, Writer> = new Map([['rpm', dnfSection]])

/** The text for one repository; undefined for a type that this version doesn't know. */
export function clientFileText(repository: ClientRepository): string | undefined {
  return WRITERS.get(repository.type)?.(repository)
}

/**
 * A section of a `.repo` file for dnf and zypper. They check signatures if the repository has a
 * key, and ask a person before they import it.
 */
function dnfSection({ id, url, key }: ClientRepository): string {
  const check =
    key === null ? ['gpgcheck=0'] : ['gpgcheck=1', `gpgkey=${url}${encodeURIComponent(key)}`]
  return [
    `[muster-${id}]`,
    `name=${id} (Muster)`,
    `baseurl=${url}`,
    'enabled=1',
    ...check,
    '',
  ].join('\n')
}
