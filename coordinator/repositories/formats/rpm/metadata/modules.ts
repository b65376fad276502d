/**
 * Reads modules.yaml: the packages of each version of each module stream. It is read as a stream of
 * documents, because a distribution has thousands. YAML's failsafe schema yields only strings, so a
 * stream `1.10` stays text.
 */
import { parseDocument } from 'yaml'
import { mirrorError } from '../../../model/errors.ts'

/** A version of a module stream, for one context and architecture. */
export interface ModuleVersion {
  /** `name:stream`. */
  readonly stream: string
  readonly version: bigint
  /** Its packages: `name-epoch:version-release.arch`, always with the epoch. */
  readonly artifacts: readonly string[]
}

/** The largest document of RHEL 8 has 60 KiB. Parsing needs about twenty times its size. */
const MAX_DOCUMENT = 1024 * 1024
/** RHEL 8 AppStream has about 1,500 documents. */
const MAX_DOCUMENTS = 50_000
/** The limit of packages in all documents together. They are held in memory. */
const MAX_ARTIFACTS = 1_000_000
/** RS-33: real files have no aliases. */
const MAX_ALIASES = 100

/** @throws `mirror.metadata` */
export async function readModules(
  source: AsyncIterable<Uint8Array>,
  file: string,
): Promise<ModuleVersion[]> {
  const versions: ModuleVersion[] = []
  let artifacts = 0
  let documents = 0
  for await (const text of splitDocuments(source, file)) {
    documents += 1
    if (documents > MAX_DOCUMENTS)
      throw refused(file, `it has more than ${MAX_DOCUMENTS} documents`)
    const version = moduleVersion(text, (reason) =>
      refused(file, `document ${documents}: ${reason}`),
    )
    if (version === undefined) continue
    artifacts += version.artifacts.length
    if (artifacts > MAX_ARTIFACTS)
      throw refused(file, `it names more than ${MAX_ARTIFACTS} packages`)
    versions.push(version)
  }
  return versions
}

function refused(file: string, reason: string): Error {
  return mirrorError('mirror.metadata', { file, reason })
}

/** Yields the texts between document markers at line starts (YAML 1.2 section 9.1). */
async function* splitDocuments(
  source: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let held = ''
  for await (const bytes of source) {
    try {
      held += decoder.decode(bytes, { stream: true })
    } catch (cause) {
      throw mirrorError('mirror.metadata', { file, reason: 'it is not UTF-8' }, { cause })
    }
    const parts = held.split(/^(?=---(?:[ \t\r\n]))/m)
    held = parts.pop() ?? ''
    yield* parts
    if (held.length > MAX_DOCUMENT)
      throw refused(file, `a document is longer than ${MAX_DOCUMENT} characters`)
  }
  yield held
}

function moduleVersion(text: string, refuse: (reason: string) => Error): ModuleVersion | undefined {
  if (!/^document:\s*["']?modulemd["']?\s*$/m.test(text)) return undefined
  if (text.length > MAX_DOCUMENT) throw refuse(`it is longer than ${MAX_DOCUMENT} characters`)
  const document = parseDocument(text.replace(/^\.\.\.[\s\S]*/m, ''), {
    schema: 'failsafe',
    logLevel: 'silent',
    merge: false,
  })
  if (document.errors.length > 0) throw refuse('it is not YAML')
  let content: unknown
  try {
    content = document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch {
    throw refuse('it has too many aliases')
  }
  const data = field(content, 'data')
  const [name, stream, version] = [
    field(data, 'name'),
    field(data, 'stream'),
    field(data, 'version'),
  ]
  // Clients ignore a document without these fields.
  if (typeof name !== 'string' || typeof stream !== 'string' || typeof version !== 'string')
    return undefined
  if (!/^\d{1,20}$/.test(version))
    throw refuse(`its version is ${JSON.stringify(version.slice(0, 40))}`)
  const rpms = field(field(data, 'artifacts'), 'rpms')
  const artifacts = Array.isArray(rpms)
    ? rpms.filter((each): each is string => typeof each === 'string')
    : []
  return { stream: `${name}:${stream}`, version: BigInt(version), artifacts }
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.getOwnPropertyDescriptor(value, key)?.value
}
