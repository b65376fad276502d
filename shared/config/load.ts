/**
 * Loads a home's configuration: the main file, its includes, environment variables, the schema. All
 * or nothing: if there are problems, one error lists all of them with file, line and key, and
 * nothing is used.
 */
import { join, resolve } from 'node:path'
import type { z } from 'zod'
import {
  type ConfigDocument,
  joinPath,
  type KeyPath,
  type Problem,
  parseConfigDocument,
} from './document.ts'
import { configError } from './errors.ts'
import { includedFiles, readConfigFile } from './files.ts'
import { findings, formatProblem } from './problems.ts'
import { type Unsupported, unsupportedOf, unsupportedSettings } from './unsupported.ts'
import { type RepositoryConfig, repositorySchema } from './repository.ts'
import { type Config, configSchema } from './schema.ts'

export interface ConfigDeps {
  readonly env: Readonly<Record<string, string | undefined>>
  /** This process's user id. Files must belong to it or to root. */
  readonly uid: number
  /** Receives each secret in the configuration, so that logs and reports mask it. */
  readonly protect?: (secret: string) => void
}

export interface ConfigOptions {
  /** The main file, absolute. */
  readonly file: string
  /** The base of relative paths. */
  readonly home: string
}

type PlainMap = Record<string, unknown>
const isMap = (value: unknown): value is PlainMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The limit of listed problems. */
const MAX_PROBLEMS = 50

/** @throws config.unreadable, config.unsafe, config.invalid */
export async function loadConfig(deps: ConfigDeps, options: ConfigOptions): Promise<Config> {
  const problems: Problem[] = []
  const read = async (file: string, followLink: boolean): Promise<ConfigDocument> => {
    const document = parseConfigDocument(
      file,
      await readConfigFile(file, { uid: deps.uid, followLink }),
      deps.env,
    )
    problems.push(...document.problems)
    if (document.problems.length === 0 && document.value !== undefined && !isMap(document.value)) {
      problems.push(document.problem([], 'expected a map of keys and values'))
    }
    return document
  }
  const main = await read(options.file, true)
  const pattern =
    isMap(main.value) && typeof main.value.include === 'string' ? main.value.include : undefined
  const included: ConfigDocument[] = []
  for (const file of includedFiles(options.file, pattern ?? 'conf.d/*.yaml'))
    included.push(await read(file, false))
  stopAt(problems)

  const repositories: { document: ConfigDocument; value: Parsed<typeof repositorySchema> }[] = []
  const fragments: ConfigDocument[] = [main]
  for (const document of included) {
    if (document.value === undefined) continue
    if (isRepository(document.value as PlainMap)) {
      const value = check(repositorySchema, document.value, [document], problems)
      if (value !== undefined) repositories.push({ document, value })
    } else {
      if ('include' in (document.value as PlainMap))
        problems.push(document.problem(['include'], 'expected only in the main file', true))
      fragments.push(document)
    }
  }
  const merged = fragments.reduce<PlainMap>(
    (all, { value }) => merge(all, (value ?? {}) as PlainMap),
    {},
  )
  const value = check(configSchema, merged, fragments, problems)
  rejectDuplicateNames(repositories, problems)
  stopAt(problems)
  return finish(deps, options, value as NonNullable<typeof value>, fragments, repositories)
}

type Parsed<S extends z.ZodType> = z.output<S>

function stopAt(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const lines = problems.slice(0, MAX_PROBLEMS).map(formatProblem)
  if (problems.length > MAX_PROBLEMS) lines.push(`… and ${problems.length - MAX_PROBLEMS} more`)
  throw configError('config.invalid', { problems: lines })
}

/**
 * None of these is a key of the main configuration, so one of them identifies a repository file.
 */
function isRepository(value: PlainMap): boolean {
  return 'name' in value || 'type' in value || 'upstream' in value
}

/**
 * Merges maps key by key; a later file replaces any other value. The parser has rejected
 * `__proto__`.
 */
function merge(base: PlainMap, over: PlainMap): PlainMap {
  const result: PlainMap = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = Object.hasOwn(result, key) ? result[key] : undefined
    result[key] = isMap(before) && isMap(value) ? merge(before, value) : value
  }
  return result
}

/** Checks the schema. Each problem is reported in the last of the documents that has the key. */
function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  documents: readonly ConfigDocument[],
  problems: Problem[],
): Parsed<S> | undefined {
  let result = schema.safeParse(value)
  if (!result.success) {
    const coerced = coerce(value, result.error.issues, documents)
    if (coerced !== undefined) result = schema.safeParse(coerced)
  }
  if (result.success) return result.data
  for (const { path, text, atKey } of findings(schema, value, result.error.issues)) {
    problems.push(owner(documents, path).problem(path, text, atKey))
  }
  return undefined
}

function owner(documents: readonly ConfigDocument[], path: KeyPath): ConfigDocument {
  return documents.reduce((best, document) =>
    document.depth(path) >= best.depth(path) ? document : best,
  )
}

/**
 * Converts text from environment variables to numbers and booleans where the schema requires them.
 * Undefined if there is none. Other values keep their text: `password: ${PASSWORD}` stays text even
 * if it is all digits.
 */
function coerce(
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
  documents: readonly ConfigDocument[],
): unknown {
  let copy: unknown
  for (const issue of issues) {
    if (issue.code !== 'invalid_type' || !['number', 'int', 'boolean'].includes(issue.expected))
      continue
    const path = issue.path as KeyPath
    if (!owner(documents, path).substituted.has(joinPath(path))) continue
    copy ??= structuredClone(value)
    const parent = path.slice(0, -1).reduce((at, step) => at[step] as PlainMap, copy as PlainMap)
    const key = path.at(-1) as string
    const text = String(parent[key])
    if (
      issue.expected === 'boolean'
        ? /^(true|false)$/.test(text)
        : /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text)
    )
      parent[key] = JSON.parse(text) as unknown
  }
  return copy
}

function rejectDuplicateNames(
  repositories: readonly { document: ConfigDocument; value: { name: string } }[],
  problems: Problem[],
): void {
  const first = new Map<string, { readonly file: string; readonly name: string }>()
  for (const { document, value } of repositories) {
    // Two names that differ by case are one address to a person, and one folder on some disks.
    const folded = value.name.toLowerCase()
    const other = first.get(folded)
    if (other === undefined) {
      first.set(folded, { file: document.file, name: value.name })
      continue
    }
    const got = JSON.stringify(value.name)
    const also = `${other.file} also has${other.name === value.name ? '' : ' in other case'}`
    problems.push(document.problem(['name'], `expected a unique name, got ${got}, which ${also}`))
  }
}

/**
 * Rejects two repositories with one publish path, for example after a file was copied: each sync of
 * one would replace the other's content.
 */
function rejectSharedPaths(
  repositories: readonly RepositoryConfig[],
  documents: readonly ConfigDocument[],
): void {
  const first = new Map<string, string>()
  const problems: Problem[] = []
  for (const { publish, file } of repositories) {
    for (const key of ['latest_path', 'snapshots_path'] as const) {
      const other = first.get(publish[key])
      if (other === undefined) first.set(publish[key], file)
      else {
        const document = documents.find((each) => each.file === file) as ConfigDocument
        problems.push(
          document.problem(
            ['publish', key],
            `expected a unique path, got ${publish[key]}, which ${other} also has`,
          ),
        )
      }
    }
  }
  stopAt(problems)
}

const SQLITE = 'sqlite://'

function protectPassword(deps: ConfigDeps, url: string): void {
  const password = URL.parse(url)?.password ?? ''
  deps.protect?.(password)
  // A percent sign that begins no escape is literal.
  if (/^([^%]|%[0-9a-f]{2})*$/i.test(password)) deps.protect?.(decodeURIComponent(password))
}

/** Fills in the defaults that depend on the home, and makes every path absolute. */
function finish(
  deps: ConfigDeps,
  options: ConfigOptions,
  { include: _, ...value }: Parsed<typeof configSchema>,
  fragments: readonly ConfigDocument[],
  repositories: readonly { document: ConfigDocument; value: Parsed<typeof repositorySchema> }[],
): Config {
  const home = resolve(options.home)
  const absolute = (path: string): string => resolve(home, path)
  const url = value.database.url ?? 'sqlite://muster.db'
  protectPassword(deps, url)
  const paths = <T extends object>(section: T, keys: readonly string[]): T =>
    Object.fromEntries(
      Object.entries(section).map(([key, item]) => [
        key,
        keys.includes(key) ? absolute(item as string) : item,
      ]),
    ) as T
  const complete = ({
    document,
    value: repository,
  }: (typeof repositories)[number]): RepositoryConfig => {
    if (repository.credentials.type === 'basic')
      deps.protect?.(repository.credentials.password ?? '')
    const published = join(home, 'publish', repository.name)
    return {
      ...repository,
      file: document.file,
      credentials: paths(repository.credentials, ['cert', 'key', 'ca_cert', 'password_file']),
      rpm: paths(repository.rpm, ['gpgkey_file']),
      publish: {
        latest_path: absolute(repository.publish.latest_path ?? join(published, 'latest')),
        snapshots_path: absolute(repository.publish.snapshots_path ?? join(published, 'snapshots')),
      },
    }
  }
  const shown = (
    document: (path: KeyPath) => ConfigDocument,
    found: readonly Unsupported[],
  ): string[] => found.map(({ path, text }) => formatProblem(document(path).problem(path, text)))
  const unsupported = {
    settings: shown((path) => owner(fragments, path), unsupportedSettings({ database: { url } })),
    repositories: repositories.flatMap(({ document, value: repository }) =>
      shown(() => document, unsupportedOf(repository)),
    ),
  }
  const completed = repositories.map(complete).sort((a, b) => (a.name < b.name ? -1 : 1))
  rejectSharedPaths(
    completed,
    repositories.map(({ document }) => document),
  )
  return {
    ...value,
    home,
    unsupported,
    files: [
      ...fragments.map((document) => document.file),
      ...repositories.map(({ document }) => document.file),
    ],
    storage: { base_path: absolute(value.storage.base_path ?? home) },
    // sqlite://path/below/home: after the two slashes comes a path, relative unless it begins with
    // a third slash. It is percent-decoded later.
    database: {
      url: url.startsWith(SQLITE)
        ? SQLITE + resolve(home.replaceAll('%', '%25'), url.slice(SQLITE.length))
        : url,
    },
    repositories: completed,
  }
}
