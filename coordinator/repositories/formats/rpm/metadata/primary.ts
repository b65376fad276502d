/**
 * Reads primary.xml as a stream: every package with its name, version, checksum, size and path. It
 * holds one package at a time. Paths and checksums of the results have been checked.
 */
import { mirrorError } from '../../../model/errors.ts'
import { parseChecksum } from '../../../model/checksum.ts'
import { type Href, parseHref } from '../../../model/href.ts'
import type { ListedPackage } from '../../../model/package.ts'
import { type Attributes, createXmlReader, type XmlHandlers } from './xml.ts'

/**
 * Three times the largest public repository (Fedora everything: 75,000). A sync holds all packages
 * in memory, 1.3 KB each.
 */
export const MAX_PACKAGES = 250_000
/** Much larger than every real package. RPM's size tag had only 32 bits for a long time. */
export const MAX_PACKAGE_BYTES = 64 * 1024 ** 3

/** The elements of a package that are read, each at most once. All others are skipped. */
const READ = new Set([
  'name',
  'arch',
  'version',
  'checksum',
  'size',
  'time',
  'location',
  'rpm:sourcerpm',
])

interface Draft {
  /** The texts of the closed elements that are in {@link READ}. */
  readonly texts: Map<string, string>
  checksumKind: string | undefined
  version: Readonly<Record<string, string>>
  size: string | undefined
  buildTime: string | undefined
  href: string | undefined
  base: string | undefined
}

/**
 * Reads decompressed primary metadata.
 * @param file - its name in errors
 * @throws mirror.metadata at the first package that is rejected; earlier packages stay valid
 */
export async function* readPrimary(
  source: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<ListedPackage> {
  const packages = new PrimaryReader(file)
  const reader = createXmlReader(file, packages)
  for await (const bytes of source) {
    reader.write(bytes)
    yield* packages.ready.splice(0)
  }
  reader.end()
  yield* packages.ready.splice(0)
}

/** Builds packages from the events of the XML reader. */
class PrimaryReader implements XmlHandlers {
  readonly ready: ListedPackage[] = []
  readonly #file: string
  #count = 0
  #draft: Draft | undefined
  #text = ''
  /** Whether the innermost open element is read. */
  #isReading = false

  constructor(file: string) {
    this.#file = file
  }

  open(name: string, attributes: Attributes, depth: number): void {
    this.#text = ''
    this.#isReading = this.#draft !== undefined && isRead(name, depth)
    if (depth === 1 && name !== 'metadata')
      throw this.#refuse(
        `its root element is ${name.slice(0, 40)}, not metadata; is this a web page?`,
      )
    if (depth === 2 && name === 'package') this.#draft = this.#startPackage(attributes)
    if (depth === 3 && this.#draft !== undefined) readElement(this.#draft, name, attributes)
  }

  text(part: string): void {
    if (this.#isReading) this.#text += part
  }

  close(name: string, depth: number): void {
    const draft = this.#draft
    if (draft === undefined) return
    if (isRead(name, depth)) {
      if (draft.texts.has(name))
        throw this.#refuse(`package ${this.#count} has two ${name} elements`)
      draft.texts.set(name, this.#text)
    }
    if (depth === 2) {
      this.ready.push(finish(draft, (reason) => this.#refusePackage(draft, reason)))
      this.#draft = undefined
    }
    this.#text = ''
    this.#isReading = false
  }

  #startPackage({ type }: Attributes): Draft {
    this.#count += 1
    if (this.#count > MAX_PACKAGES)
      throw this.#refuse(`it lists more than ${MAX_PACKAGES} packages`)
    if (type !== undefined && type !== 'rpm')
      throw this.#refuse(
        `package ${this.#count} has type ${JSON.stringify(type.slice(0, 20))}, not rpm`,
      )
    return {
      texts: new Map(),
      checksumKind: undefined,
      version: {},
      size: undefined,
      buildTime: undefined,
      href: undefined,
      base: undefined,
    }
  }

  #refusePackage(draft: Draft, reason: string): Error {
    return this.#refuse(`package ${this.#count}${nameFor(draft)}: ${reason}`)
  }

  #refuse(reason: string): Error {
    return mirrorError('mirror.metadata', { file: this.#file, reason })
  }
}

function isRead(name: string, depth: number): boolean {
  return READ.has(name) && depth === (name === 'rpm:sourcerpm' ? 4 : 3)
}

function readElement(draft: Draft, name: string, attributes: Attributes): void {
  if (name === 'version') draft.version = attributes
  else if (name === 'checksum') draft.checksumKind = attributes.type
  else if (name === 'size') draft.size = attributes.package
  else if (name === 'time') draft.buildTime = attributes.build
  else if (name === 'location') {
    draft.href = attributes.href
    draft.base = attributes['xml:base']
  }
}

function nameFor(draft: Draft): string {
  const name = draft.texts.get('name')
  return name === undefined ? '' : ` (${JSON.stringify(name.slice(0, 80)).slice(1, -1)})`
}

/** Printable characters without blanks and slashes. rpm's rule for these values is stricter. */
const WORD = /^[^\s/\p{C}]{1,255}$/u

type Refuse = (reason: string) => Error

function finish(draft: Draft, refuse: Refuse): ListedPackage {
  const { texts, version, base } = draft
  const checksum = parseChecksum(draft.checksumKind, texts.get('checksum') ?? '')
  if ('reason' in checksum) throw refuse(checksum.reason)
  if (base !== undefined && base !== '')
    throw refuse(
      'it lies at another place (xml:base), where our credentials and checks do not reach',
    )
  return {
    name: wordOf('name', texts.get('name'), refuse),
    arch: wordOf('architecture', texts.get('arch'), refuse),
    epoch: epochOf(version.epoch, refuse),
    version: wordOf('version', version.ver, refuse),
    release: wordOf('release', version.rel, refuse),
    checksum: { kind: checksum.checksum.kind, value: ownCopy(checksum.checksum.value) },
    size: sizeOf(draft.size, refuse),
    href: hrefOf(draft.href, refuse),
    source: ownCopy((texts.get('rpm:sourcerpm') ?? '').slice(0, 512)),
    buildTime: buildTimeOf(draft.buildTime),
  }
}

function wordOf(what: string, value: string | undefined, refuse: Refuse): string {
  if (value === undefined || !WORD.test(value))
    throw refuse(`its ${what} is ${JSON.stringify((value ?? '').slice(0, 80))}`)
  return ownCopy(value)
}

function epochOf(value: string | undefined, refuse: Refuse): number {
  if (value === undefined || value === '') return 0
  if (!/^\d{1,10}$/.test(value)) throw refuse(`its epoch is ${JSON.stringify(value.slice(0, 20))}`)
  return Number(value)
}

function sizeOf(value: string | undefined, refuse: Refuse): number {
  if (value === undefined || !/^\d{1,15}$/.test(value) || Number(value) > MAX_PACKAGE_BYTES)
    throw refuse(`its size is ${JSON.stringify((value ?? '').slice(0, 20))}`)
  return Number(value)
}

function hrefOf(value: string | undefined, refuse: Refuse): Href {
  const parsed = parseHref(value ?? '')
  if ('reason' in parsed) throw refuse(parsed.reason)
  if (parsed.href.startsWith('repodata/')) throw refuse('its path is among the repository metadata')
  return ownCopy(parsed.href)
}

function buildTimeOf(value: string | undefined): number {
  const seconds = Number(value ?? '0')
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : 0
}

/**
 * Copies a text into separate memory. A part of the parser's input would keep all of the input in
 * memory: 100 MB for a large repository.
 */
function ownCopy<T extends string>(text: T): T {
  return Buffer.from(text, 'utf8').toString('utf8') as T
}
