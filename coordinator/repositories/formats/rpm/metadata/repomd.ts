/**
 * Reads repodata/repomd.xml: the list of a repository's metadata files with checksums and sizes.
 * The result is checked: paths are {@link Href}s, checksum types are known, and each type of file
 * occurs once.
 */
import { defined } from '../../../../../shared/defined.ts'
import { mirrorError } from '../../../model/errors.ts'
import { type Checksum, parseChecksum, sameChecksum } from '../../../model/checksum.ts'
import { type Href, parseHref } from '../../../model/href.ts'
import { type Attributes, createXmlReader, type XmlHandlers } from './xml.ts'

/** RS-03: real files have 10 KiB. The limit ends an endless response early. */
export const MAX_REPOMD_BYTES = 10 * 1024 * 1024
/** Fedora lists about 20 records. zchunk and sqlite forms make it three times as many. */
export const MAX_RECORDS = 256
/** Larger than all real files: Fedora's filelists has 1 GB after decompression. */
export const MAX_METADATA_BYTES = 4 * 1024 ** 3

export const REPOMD = 'repodata/repomd.xml'

export interface RepomdRecord {
  readonly type: string
  readonly href: Href
  readonly checksum: Checksum
  /** The checksum of the decompressed file; absent if the file isn't compressed. */
  readonly openChecksum?: Checksum
  /** Bytes; absent if the publisher doesn't list it. */
  readonly size?: number
  readonly openSize?: number
  /** Seconds since the epoch, as the publisher wrote it. */
  readonly timestamp?: number
}

export interface Repomd {
  /** Free text, usually seconds since the epoch; empty if absent. */
  readonly revision: string
  readonly records: readonly RepomdRecord[]
}

/** Fields of the record that is being read. */
interface Draft {
  readonly type: string
  readonly texts: Map<string, { readonly text: string; readonly kind: string | undefined }>
  location: { readonly href: string; readonly base: string | undefined } | undefined
}

type Refuse = (reason: string) => Error

const refuse: Refuse = (reason) => mirrorError('mirror.metadata', { file: REPOMD, reason })

/** Reads a whole repomd.xml. @throws mirror.metadata, mirror.too-big */
export function readRepomd(bytes: Uint8Array): Repomd {
  if (bytes.length > MAX_REPOMD_BYTES)
    throw mirrorError('mirror.too-big', { file: REPOMD, limit: MAX_REPOMD_BYTES })
  const repomd = new RepomdReader()
  const reader = createXmlReader(REPOMD, repomd)
  reader.write(bytes)
  reader.end()
  const { revision, records } = repomd
  requirePrimary(records)
  return { revision, records }
}

/** Collects records from the events of the XML reader. */
class RepomdReader implements XmlHandlers {
  readonly records: RepomdRecord[] = []
  revision = ''
  #draft: Draft | undefined
  #text = ''
  #kind: string | undefined

  open(name: string, attributes: Attributes, depth: number): void {
    if (depth === 1 && name !== 'repomd')
      throw refuse(`its root element is ${name.slice(0, 40)}, not repomd; is this a web page?`)
    this.#text = ''
    this.#kind = attributes.type
    if (depth === 2 && name === 'data')
      this.#draft = { type: attributes.type ?? '', texts: new Map(), location: undefined }
    if (depth === 3 && name === 'location' && this.#draft !== undefined)
      setLocation(this.#draft, attributes)
  }

  text(part: string): void {
    this.#text += part
  }

  close(name: string, depth: number): void {
    if (depth === 2 && name === 'revision') this.revision = this.#text.trim().slice(0, 128)
    if (depth === 3) this.#draft?.texts.set(name, { text: this.#text, kind: this.#kind })
    if (depth === 2 && this.#draft !== undefined) {
      addRecord(this.records, finish(this.#draft))
      this.#draft = undefined
    }
    this.#text = ''
  }
}

function setLocation(draft: Draft, attributes: Attributes): void {
  if (draft.location !== undefined) throw refuse(`its ${draft.type} record has two locations`)
  draft.location = { href: attributes.href ?? '', base: attributes['xml:base'] }
}

function requirePrimary(records: readonly RepomdRecord[]): void {
  if (records.some((record) => record.type === 'primary')) return
  const hasDatabase = records.some((record) => record.type === 'primary_db')
  throw refuse(
    hasDatabase
      ? 'it lists only sqlite metadata (primary_db); XML metadata (primary) is needed'
      : 'it lists no primary metadata',
  )
}

function addRecord(records: RepomdRecord[], record: RepomdRecord): void {
  const { type, href, checksum } = record
  const twin = records.find((other) => other.type === type || other.href === href)
  if (twin === undefined) {
    if (records.length >= MAX_RECORDS) throw refuse(`it lists more than ${MAX_RECORDS} files`)
    records.push(record)
    return
  }
  // The same record twice is harmless. If two differ, clients could read either.
  const isSame = twin.type === type && twin.href === href && sameChecksum(twin.checksum, checksum)
  if (!isSame)
    throw refuse(`it has two different records for ${twin.type === type ? `type ${type}` : href}`)
}

function finish({ type, texts, location }: Draft): RepomdRecord {
  if (!/^[A-Za-z0-9_.+-]{1,64}$/.test(type))
    throw refuse(`a record has the type ${JSON.stringify(type.slice(0, 64))}`)
  const record: Refuse = (reason) => refuse(`its ${type} record ${reason}`)
  const href = locationOf(location, record)
  const checksum = checksumOf(texts.get('checksum'), record)
  if (checksum === undefined) throw record('has no checksum')
  return {
    type,
    href,
    checksum,
    ...defined({
      openChecksum: checksumOf(texts.get('open-checksum'), record),
      size: sizeOf(texts, 'size', type),
      openSize: sizeOf(texts, 'open-size', type),
      timestamp: timestampOf(texts.get('timestamp')?.text),
    }),
  }
}

function locationOf(location: Draft['location'], record: Refuse): Href {
  if (location === undefined) throw record('has no location')
  if (location.base !== undefined && location.base !== '')
    throw record('points to another place (xml:base)')
  const parsed = parseHref(location.href)
  if ('reason' in parsed) throw record(`is refused: ${parsed.reason}`)
  if (parsed.href.toLowerCase() === REPOMD) throw record('names repomd.xml itself')
  return parsed.href
}

function checksumOf(
  found: { readonly text: string; readonly kind: string | undefined } | undefined,
  record: Refuse,
): Checksum | undefined {
  if (found === undefined) return undefined
  const parsed = parseChecksum(found.kind, found.text)
  if ('reason' in parsed) throw record(`can't be checked: ${parsed.reason}`)
  return parsed.checksum
}

function sizeOf(texts: Draft['texts'], element: string, type: string): number | undefined {
  const text = texts.get(element)?.text.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d{1,15}$/.test(text) && Number(text) <= MAX_METADATA_BYTES) return Number(text)
  const shown = JSON.stringify(text.slice(0, 30))
  throw refuse(
    `the ${element} of its ${type} record is ${shown}; at most ${MAX_METADATA_BYTES} is accepted`,
  )
}

function timestampOf(text: string | undefined): number | undefined {
  const seconds = Number.parseInt(text ?? '', 10)
  return Number.isSafeInteger(seconds) ? seconds : undefined
}
