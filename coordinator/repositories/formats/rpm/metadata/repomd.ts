/**
 * repodata/repomd.xml: the list of a repository's metadata files, each with checksum and size. What
 * comes out has been checked: paths are {@link Href}s, checksums are known, sizes fit a number, and
 * every type that may occur once occurs once.
 */
import { mirrorError } from '../../../model/errors.ts'
import { type Checksum, parseChecksum, sameChecksum } from '../../../model/checksum.ts'
import { type Href, parseHref } from '../../../model/href.ts'
import { createXmlReader } from './xml.ts'

/** RS-03: real ones have 10 KiB; the bound ends an endless answer before it costs anything. */
export const MAX_REPOMD_BYTES = 10 * 1024 * 1024
/** Fedora lists some 20 records; zchunk and sqlite variants triple that. */
export const MAX_RECORDS = 256
/** No metadata file is bigger: Fedora's filelists has 1 GB open. */
export const MAX_METADATA_BYTES = 4 * 1024 ** 3

export const REPOMD = 'repodata/repomd.xml'

export interface RepomdRecord {
  readonly type: string
  readonly href: Href
  readonly checksum: Checksum
  /** Of the decompressed file; absent where the file is stored plain. */
  readonly openChecksum?: Checksum
  /** Bytes; absent where the publisher left it out. */
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
  type: string
  texts: Map<string, { text: string; kind: string | undefined }>
  location: { href: string; base: string | undefined } | undefined
}

/**
 * Reads a whole repomd.xml. Throws `mirror.metadata` for anything that is not one, or names what
 * must not be followed.
 */
export function readRepomd(bytes: Uint8Array): Repomd {
  const refuse = (reason: string): Error => mirrorError('mirror.metadata', { file: REPOMD, reason })
  if (bytes.length > MAX_REPOMD_BYTES)
    throw mirrorError('mirror.too-big', { file: REPOMD, limit: MAX_REPOMD_BYTES })
  const records: RepomdRecord[] = []
  let revision = ''
  let draft: Draft | undefined
  let text = ''
  let kind: string | undefined
  const reader = createXmlReader(REPOMD, {
    open(name, attributes, depth) {
      if (depth === 1 && name !== 'repomd')
        throw refuse(`its root element is ${name.slice(0, 40)}, not repomd; is this a web page?`)
      text = ''
      kind = attributes.type
      if (depth === 2 && name === 'data')
        draft = { type: attributes.type ?? '', texts: new Map(), location: undefined }
      if (depth === 3 && name === 'location' && draft !== undefined) {
        if (draft.location !== undefined) throw refuse(`its ${draft.type} record has two locations`)
        draft.location = { href: attributes.href ?? '', base: attributes['xml:base'] }
      }
    },
    text(part) {
      text += part
    },
    close(name, depth) {
      if (depth === 2 && name === 'revision') revision = text.trim().slice(0, 128)
      if (depth === 3 && draft !== undefined) draft.texts.set(name, { text, kind })
      if (depth === 2 && draft !== undefined) {
        addRecord(records, finish(draft, refuse), refuse)
        draft = undefined
      }
      text = ''
    },
  })
  reader.write(bytes)
  reader.end()
  if (!records.some((record) => record.type === 'primary')) {
    const databases = records.some((record) => record.type === 'primary_db')
    throw refuse(
      databases
        ? 'it lists only sqlite metadata (primary_db); XML metadata (primary) is needed'
        : 'it lists no primary metadata',
    )
  }
  return { revision, records }
}

function addRecord(
  records: RepomdRecord[],
  record: RepomdRecord,
  refuse: (reason: string) => Error,
): void {
  const twin = records.find((other) => other.type === record.type || other.href === record.href)
  if (twin !== undefined) {
    // The same record twice says nothing new; two different ones leave open which a client reads.
    if (
      twin.type === record.type &&
      twin.href === record.href &&
      sameChecksum(twin.checksum, record.checksum)
    )
      return
    throw refuse(
      `it has two different records for ${twin.type === record.type ? `type ${record.type}` : record.href}`,
    )
  }
  if (records.length >= MAX_RECORDS) throw refuse(`it lists more than ${MAX_RECORDS} files`)
  records.push(record)
}

function finish(draft: Draft, refuse: (reason: string) => Error): RepomdRecord {
  const { type, texts, location } = draft
  if (!/^[A-Za-z0-9_.+-]{1,64}$/.test(type))
    throw refuse(`a record has the type ${JSON.stringify(type.slice(0, 64))}`)
  if (location === undefined) throw refuse(`its ${type} record has no location`)
  if (location.base !== undefined && location.base !== '')
    throw refuse(`its ${type} record points to another place (xml:base)`)
  const href = parseHref(location.href)
  if ('reason' in href) throw refuse(`in its ${type} record ${href.reason}`)
  if (href.href.toLowerCase() === REPOMD) throw refuse(`its ${type} record names repomd.xml itself`)
  const checksum = checksumOf('checksum')
  if (checksum === undefined) throw refuse(`its ${type} record has no checksum`)
  const openChecksum = checksumOf('open-checksum')
  const size = numberOf('size', MAX_METADATA_BYTES)
  const openSize = numberOf('open-size', MAX_METADATA_BYTES)
  const timestamp = texts.has('timestamp')
    ? Number.parseInt(texts.get('timestamp')?.text ?? '', 10)
    : Number.NaN
  return {
    type,
    href: href.href,
    checksum,
    ...(openChecksum === undefined ? {} : { openChecksum }),
    ...(size === undefined ? {} : { size }),
    ...(openSize === undefined ? {} : { openSize }),
    ...(Number.isSafeInteger(timestamp) ? { timestamp } : {}),
  }

  function checksumOf(element: string): Checksum | undefined {
    const found = texts.get(element)
    if (found === undefined) return undefined
    const parsed = parseChecksum(found.kind, found.text)
    if ('reason' in parsed) throw refuse(`its ${type} record can't be checked: ${parsed.reason}`)
    return parsed.checksum
  }

  function numberOf(element: string, most: number): number | undefined {
    const found = texts.get(element)?.text.trim()
    if (found === undefined || found === '') return undefined
    if (!/^\d{1,15}$/.test(found) || Number(found) > most)
      throw refuse(
        `the ${element} of its ${type} record is ${JSON.stringify(found.slice(0, 30))}; at most ${most} is accepted`,
      )
    return Number(found)
  }
}
