/** Fills in the defaults that depend on the home, and makes every path absolute. */
import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { owner } from './check.ts'
import type { ConfigDocument, KeyPath } from './document.ts'
import { formatProblem } from './problems.ts'
import type { RepositoryConfig, repositorySchema } from './repository.ts'
import type { Config, configSchema } from './schema.ts'
import { type Unsupported, unsupportedOf, unsupportedSettings } from './unsupported.ts'

/** Receives each secret in the configuration. */
export type Protect = (secret: string) => void

export interface RepositoryFile {
  readonly document: ConfigDocument
  readonly value: z.output<typeof repositorySchema>
}

/** The checked values and the documents that contain them. */
export interface CheckedFiles {
  readonly value: z.output<typeof configSchema>
  /** The main file and its additions. */
  readonly fragments: readonly ConfigDocument[]
  readonly repositories: readonly RepositoryFile[]
}

const SQLITE = 'sqlite://'

export function completeConfig(files: CheckedFiles, base: string, protect: Protect): Config {
  const { include: _, ...value } = files.value
  const home = resolve(base)
  const url = value.database.url ?? 'sqlite://muster.db'
  protectPassword(protect, url)
  return {
    ...value,
    home,
    unsupported: unsupportedIn(files, url),
    files: [...files.fragments, ...files.repositories.map(({ document }) => document)].map(
      ({ file }) => file,
    ),
    storage: { base_path: resolve(home, value.storage.base_path ?? home) },
    database: { url: absoluteUrl(home, url) },
    repositories: files.repositories
      .map((each) => completeRepository(each, home, protect))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

/**
 * Makes the path in a `sqlite://` URL absolute. The path follows the two slashes. It is relative
 * unless it begins with a third slash. It is percent-decoded later.
 */
function absoluteUrl(home: string, url: string): string {
  if (!url.startsWith(SQLITE)) return url
  return SQLITE + resolve(home.replaceAll('%', '%25'), url.slice(SQLITE.length))
}

function protectPassword(protect: Protect, url: string): void {
  const password = URL.parse(url)?.password ?? ''
  protect(password)
  // A percent sign that doesn't begin an escape is literal.
  if (/^([^%]|%[0-9a-f]{2})*$/i.test(password)) protect(decodeURIComponent(password))
}

function completeRepository(
  { document, value }: RepositoryFile,
  home: string,
  protect: Protect,
): RepositoryConfig {
  const { credentials, publish } = value
  if (credentials.type === 'basic') protect(credentials.password ?? '')
  const published = join(home, 'publish', value.name)
  return {
    ...value,
    file: document.file,
    credentials: absolutePaths(home, credentials, ['cert', 'key', 'ca_cert', 'password_file']),
    rpm: absolutePaths(home, value.rpm, ['gpgkey_file']),
    publish: {
      latest_path: resolve(home, publish.latest_path ?? join(published, 'latest')),
      snapshots_path: resolve(home, publish.snapshots_path ?? join(published, 'snapshots')),
    },
  }
}

/** Returns a copy of `section` with absolute paths in these keys. */
function absolutePaths<T extends object>(home: string, section: T, keys: readonly string[]): T {
  const copy = { ...section }
  for (const key of keys) {
    const path: unknown = Reflect.get(copy, key)
    if (typeof path === 'string') Reflect.set(copy, key, resolve(home, path))
  }
  return copy
}

function unsupportedIn({ fragments, repositories }: CheckedFiles, url: string) {
  return {
    settings: formatAll(unsupportedSettings({ database: { url } }), (path) =>
      owner(fragments, path),
    ),
    repositories: repositories.flatMap(({ document, value }) =>
      formatAll(unsupportedOf(value), () => document),
    ),
  }
}

function formatAll(
  found: readonly Unsupported[],
  documentOf: (path: KeyPath) => ConfigDocument,
): string[] {
  return found.map(({ path, text }) => formatProblem(documentOf(path).problem(path, text)))
}
