/**
 * primary.xml: every package of a repository with its name, version, checksum, size and place. Read
 * as a stream; one package is held at a time. What is yielded has been checked, so nothing
 * downstream meets a path or checksum that could do harm.
 */
import { mirrorError } from '../../../model/errors.ts'
import { parseChecksum } from '../../../model/checksum.ts'
import { type Href, parseHref } from '../../../model/href.ts'
import type { ListedPackage } from '../../../model/package.ts'
import { createXmlReader } from './xml.ts'

/**
 * Three times the largest public repository (Fedora everything: 75,000). A sync holds all of them,
 * at 1.3 KB each.
 */
export const MAX_PACKAGES = 250_000
/**
 * RPM's own bound of a package file (its size tag was 32 bits for most of its life); no real one
 * comes near.
 */
export const MAX_PACKAGE_BYTES = 64 * 1024 ** 3

/**
 * The elements of a package that are read, each at most once; what else a package says is passed
 * over and never held.
 */
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
  /** Texts of the elements in {@link READ} that are closed. */
  texts: Map<string, string>
  checksumKind: string | undefined
  version: Readonly<Record<string, string>>
  size: string | undefined
  buildTime: string | undefined
  href: string | undefined
  base: string | undefined
}

/**
 * Reads decompressed primary metadata.
 * @param file - what errors call it
 * @throws `mirror.metadata` at the first package that can't be accepted; everything yielded before
 * stands
 */
export async function* readPrimary(
  source: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<ListedPackage> {
  const ready: ListedPackage[] = []
  let count = 0
  let draft: Draft | undefined
  let text = ''
  // Whether the innermost open element is one that is read.
  let reading = false
  const refuse = (reason: string): Error => mirrorError('mirror.metadata', { file, reason })
  const isRead = (name: string, depth: number): boolean =>
    READ.has(name) && depth === (name === 'rpm:sourcerpm' ? 4 : 3)
  const reader = createXmlReader(file, {
    open(name, attributes, depth) {
      text = ''
      reading = draft !== undefined && isRead(name, depth)
      if (depth === 1 && name !== 'metadata')
        throw refuse(`its root element is ${name.slice(0, 40)}, not metadata; is this a web page?`)
      if (depth === 2) {
        if (name !== 'package') return
        count += 1
        if (count > MAX_PACKAGES) throw refuse(`it lists more than ${MAX_PACKAGES} packages`)
        if (attributes.type !== undefined && attributes.type !== 'rpm')
          throw refuse(
            `package ${count} has type ${JSON.stringify(attributes.type.slice(0, 20))}, not rpm`,
          )
        draft = {
          texts: new Map(),
          checksumKind: undefined,
          version: {},
          size: undefined,
          buildTime: undefined,
          href: undefined,
          base: undefined,
        }
      } else if (depth === 3 && draft !== undefined) readElement(draft, name, attributes)
    },
    text(part) {
      if (reading) text += part
    },
    close(name, depth) {
      if (draft === undefined) return
      if (isRead(name, depth)) {
        if (draft.texts.has(name)) throw refuse(`package ${count} has two ${name} elements`)
        draft.texts.set(name, text)
      }
      if (depth === 2) {
        ready.push(
          finish(draft, (reason) => refuse(`package ${count}${nameFor(draft)}: ${reason}`)),
        )
        draft = undefined
      }
      text = ''
      reading = false
    },
  })
  for await (const bytes of source) {
    reader.write(bytes)
    yield* ready.splice(0)
  }
  reader.end()
  yield* ready.splice(0)
}

function readElement(
  draft: Draft,
  name: string,
  attributes: Readonly<Record<string, string>>,
): void {
  if (name === 'version') draft.version = attributes
  else if (name === 'checksum') draft.checksumKind = attributes.type
  else if (name === 'size') draft.size = attributes.package
  else if (name === 'time') draft.buildTime = attributes.build
  else if (name === 'location') {
    draft.href = attributes.href
    draft.base = attributes['xml:base']
  }
}

function nameFor(draft: Draft | undefined): string {
  const name = draft?.texts.get('name')
  return name === undefined ? '' : ` (${JSON.stringify(name.slice(0, 80)).slice(1, -1)})`
}

/**
 * Printable, without blanks and slashes: rpm's own rule for a NEVRA is narrower, its file names are
 * not.
 */
const WORD = /^[^\s/\p{C}]{1,255}$/u

function finish(draft: Draft, refuse: (reason: string) => Error): ListedPackage {
  const word = (what: string, value: string | undefined): string => {
    if (value === undefined || !WORD.test(value))
      throw refuse(`its ${what} is ${JSON.stringify((value ?? '').slice(0, 80))}`)
    return value
  }
  const epoch =
    draft.version.epoch === undefined || draft.version.epoch === '' ? '0' : draft.version.epoch
  if (!/^\d{1,10}$/.test(epoch)) throw refuse(`its epoch is ${JSON.stringify(epoch.slice(0, 20))}`)
  const checksum = parseChecksum(draft.checksumKind, draft.texts.get('checksum') ?? '')
  if ('reason' in checksum) throw refuse(checksum.reason)
  if (
    draft.size === undefined ||
    !/^\d{1,15}$/.test(draft.size) ||
    Number(draft.size) > MAX_PACKAGE_BYTES
  )
    throw refuse(`its size is ${JSON.stringify((draft.size ?? '').slice(0, 20))}`)
  if (draft.base !== undefined && draft.base !== '')
    throw refuse(
      'it lies at another place (xml:base), where our credentials and checks do not reach',
    )
  const href = parseHref(draft.href ?? '')
  if ('reason' in href) throw refuse(href.reason)
  if (href.href.startsWith('repodata/')) throw refuse('its path is among the repository metadata')
  const buildTime = Number(draft.buildTime ?? '0')
  return {
    name: own(word('name', draft.texts.get('name'))),
    arch: own(word('architecture', draft.texts.get('arch'))),
    epoch: Number(epoch),
    version: own(word('version', draft.version.ver)),
    release: own(word('release', draft.version.rel)),
    checksum: { kind: checksum.checksum.kind, value: own(checksum.checksum.value) },
    size: Number(draft.size),
    href: own(href.href) as Href,
    source: own((draft.texts.get('rpm:sourcerpm') ?? '').slice(0, 512)),
    buildTime: Number.isSafeInteger(buildTime) && buildTime > 0 ? buildTime : 0,
  }
}

/**
 * A copy with memory of its own. What a parser cuts out of its input keeps all of that input alive:
 * 100 MB for a large repository.
 */
function own(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}
