/**
 * Loads a home's configuration: the main file, its includes, environment variables, the schema. If
 * there are problems, one error lists all of them with file, line and key, and no value is used.
 */
import { check, isMap, type PlainMap } from './check.ts'
import { completeConfig, type RepositoryFile } from './complete.ts'
import { type ConfigDocument, type Problem, parseConfigDocument } from './document.ts'
import { configError } from './errors.ts'
import { includedFiles, readConfigFile } from './files.ts'
import { formatProblem } from './problems.ts'
import { repositorySchema } from './repository.ts'
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

/** The limit of listed problems. */
const MAX_PROBLEMS = 50

/** @throws config.unreadable, config.unsafe, config.invalid */
export async function loadConfig(deps: ConfigDeps, options: ConfigOptions): Promise<Config> {
  const problems: Problem[] = []
  const documents = await readAll(deps, options.file, problems)
  stopAt(problems)
  const { fragments, repositories } = separate(documents, problems)
  const merged = fragments.reduce<PlainMap>(
    (all, { value }) => (isMap(value) ? merge(all, value) : all),
    {},
  )
  const value = check(configSchema, merged, fragments, problems)
  rejectDuplicateNames(repositories, problems)
  stopAt(problems)
  if (value === undefined) throw new Error('a rejected configuration has no problem')
  const files = { value, fragments, repositories }
  const config = completeConfig(files, options.home, deps.protect ?? (() => {}))
  rejectSharedPaths(config, repositories, problems)
  stopAt(problems)
  return config
}

/** Reads the main file, then the included ones. */
async function readAll(
  deps: ConfigDeps,
  mainFile: string,
  problems: Problem[],
): Promise<[ConfigDocument, ...ConfigDocument[]]> {
  const read = async (file: string, followLink: boolean): Promise<ConfigDocument> => {
    const text = await readConfigFile(file, { uid: deps.uid, followLink })
    const document = parseConfigDocument(file, text, deps.env)
    problems.push(...document.problems)
    if (document.problems.length === 0 && document.value !== undefined && !isMap(document.value))
      problems.push(document.problem([], 'expected a map of keys and values'))
    return document
  }
  const main = await read(mainFile, true)
  const include = isMap(main.value) ? main.value.include : undefined
  const pattern = typeof include === 'string' ? include : 'conf.d/*.yaml'
  const included: ConfigDocument[] = []
  for (const file of includedFiles(mainFile, pattern)) included.push(await read(file, false))
  return [main, ...included]
}

/** Separates repositories from parts of the main configuration. */
function separate(
  [main, ...included]: [ConfigDocument, ...ConfigDocument[]],
  problems: Problem[],
): { fragments: ConfigDocument[]; repositories: RepositoryFile[] } {
  const fragments = [main]
  const repositories: RepositoryFile[] = []
  for (const document of included) {
    if (!isMap(document.value)) continue
    if (isRepository(document.value)) {
      const value = check(repositorySchema, document.value, [document], problems)
      if (value !== undefined) repositories.push({ document, value })
      continue
    }
    if ('include' in document.value)
      problems.push(document.problem(['include'], 'expected only in the main file', true))
    fragments.push(document)
  }
  return { fragments, repositories }
}

function stopAt(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  const lines = problems.slice(0, MAX_PROBLEMS).map(formatProblem)
  if (problems.length > MAX_PROBLEMS) lines.push(`… and ${problems.length - MAX_PROBLEMS} more`)
  throw configError('config.invalid', { problems: lines })
}

/**
 * True for a repository file. None of these keys is a key of the main configuration.
 */
function isRepository(value: PlainMap): boolean {
  return 'name' in value || 'type' in value || 'upstream' in value
}

/**
 * Merges maps key by key. A later file replaces any other value. The parser has rejected
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

function rejectDuplicateNames(repositories: readonly RepositoryFile[], problems: Problem[]): void {
  const first = new Map<string, { readonly file: string; readonly name: string }>()
  for (const { document, value } of repositories) {
    // Names that differ only by case look like one address. On some disks they are one folder.
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
 * Rejects two repositories with one publish path, for example after a file was copied. Each sync of
 * one would replace the content of the other.
 */
function rejectSharedPaths(
  { repositories }: Config,
  files: readonly RepositoryFile[],
  problems: Problem[],
): void {
  const documents = new Map(files.map(({ document }) => [document.file, document]))
  const first = new Map<string, string>()
  for (const { publish, file } of repositories) {
    for (const key of ['latest_path', 'snapshots_path'] as const) {
      const path = publish[key]
      const other = first.get(path)
      first.set(path, other ?? file)
      const document = other === undefined ? undefined : documents.get(file)
      if (document === undefined) continue
      const text = `expected a unique path, got ${path}, which ${other} also has`
      problems.push(document.problem(['publish', key], text))
    }
  }
}
