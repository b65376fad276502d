/**
 * Reads RPM headers: the signature header and the main header of a package file, and headers in an
 * rpm database. A header is verified completely before any value is returned. Counts and sizes must
 * be within rpm's limits. The data of each entry must be inside the header, aligned and without
 * overlaps. Region and trailer must be valid (rpm's lib/header.c, hdrblobVerifyRegion and
 * hdrblobVerifyInfo). Allocation is proportional to the actual bytes, never to a claimed number.
 */
import { requireDefined } from '../require-defined.ts'
import { rpmError } from './errors.ts'
import { SIGNATURE_TAG, TAG, TYPE } from './tags.ts'

/**
 * A verified header. Accessors return undefined for an absent tag and throw for a tag of another
 * type.
 */
export interface Header {
  readonly tags: ReadonlySet<number>
  /** Returns a string, or the first of several (the untranslated one of a translated string). */
  string(tag: number): string | undefined
  strings(tag: number): string[] | undefined
  /** Returns the first of the tag's numbers. Throws for 64-bit numbers beyond 2^53. */
  number(tag: number): number | undefined
  numbers(tag: number): number[] | undefined
  bytes(tag: number): Uint8Array | undefined
}

/**
 * The kind of header. A file's header is exactly its region. A database appends entries (such as
 * the install time) to the package's region.
 */
export type HeaderForm = 'signature' | 'package' | 'database'

/** rpm's limits (HEADER_TAGS_MAX, HEADER_DATA_MAX; hdrblobVerifyLengths for signatures). */
export const MAX_ENTRIES = 0xffff
export const MAX_DATA_BYTES = 0x0fffffff
export const MAX_SIGNATURE_ENTRIES = 32
export const MAX_SIGNATURE_DATA_BYTES = 64 * 1024 * 1024

const MAGIC = 0x8eade801
const ENTRY_BYTES = 16
/** HEADERIMAGE, which very old packages have in the trailer of their signature region. */
const OLD_REGION = 61
/** Size and alignment of one value, by data type. Strings have no fixed size. */
const WIDTH: Readonly<Record<number, number>> = {
  [TYPE.char]: 1,
  [TYPE.int8]: 1,
  [TYPE.int16]: 2,
  [TYPE.int32]: 4,
  [TYPE.int64]: 8,
  [TYPE.bin]: 1,
}
const STRING_TYPES: readonly number[] = [TYPE.string, TYPE.stringArray, TYPE.i18nString]

interface Entry {
  tag: number
  type: number
  /** Relative to the start of the data. */
  offset: number
  count: number
}

interface Frame {
  form: HeaderForm
  view: DataView
  entries: number
  data: Uint8Array
  fail: (reason: string) => never
}

/**
 * Returns the length of the header that begins here, from its first 16 bytes (magic and sizes).
 * Undefined if there are fewer bytes.
 */
export function headerLength(
  bytes: Uint8Array,
  options: { form: 'signature' | 'package'; what: string },
): number | undefined {
  if (bytes.length < ENTRY_BYTES) return undefined
  const fail = failure(options.what)
  const view = viewOf(bytes)
  if (view.getUint32(0) !== MAGIC) fail('the magic number is missing')
  const { entries, length } = checkSizes(view, 8, options.form, fail)
  return ENTRY_BYTES + entries * ENTRY_BYTES + length
}

/**
 * Reads one header, which must fill `bytes` exactly. In a package file it has its magic, in a
 * database it doesn't.
 * @param options.what the header's name in errors
 * @throws rpm.header
 */
export function readHeader(bytes: Uint8Array, options: { form: HeaderForm; what: string }): Header {
  const fail = failure(options.what)
  const view = viewOf(bytes)
  const sizesAt = options.form === 'database' ? 0 : 8
  if (bytes.length < sizesAt + 8) fail(`it ends after ${bytes.length} bytes`)
  if (sizesAt === 8 && view.getUint32(0) !== MAGIC) fail('the magic number is missing')
  const { entries, length } = checkSizes(view, sizesAt, options.form, fail)
  const start = sizesAt + 8
  const expected = start + entries * ENTRY_BYTES + length
  if (expected !== bytes.length) fail(`its sizes add up to ${expected} bytes, got ${bytes.length}`)
  const frame: Frame = {
    form: options.form,
    view: new DataView(bytes.buffer, bytes.byteOffset + start, entries * ENTRY_BYTES),
    entries,
    data: bytes.subarray(start + entries * ENTRY_BYTES),
    fail,
  }
  const first = checkRegion(frame)
  return accessors(frame, checkEntries(frame, first))
}

function checkSizes(
  view: DataView,
  at: number,
  form: HeaderForm,
  fail: Frame['fail'],
): { entries: number; length: number } {
  const [entries, length] = [view.getUint32(at), view.getUint32(at + 4)]
  const signature = form === 'signature'
  const maxEntries = signature ? MAX_SIGNATURE_ENTRIES : MAX_ENTRIES
  const maxLength = signature ? MAX_SIGNATURE_DATA_BYTES : MAX_DATA_BYTES
  if (entries < 1 || entries > maxEntries)
    fail(`it claims ${entries} entries, more than 0 and at most ${maxEntries} are allowed`)
  if (length > maxLength)
    fail(`it claims ${length} bytes of data, at most ${maxLength} are allowed`)
  return { entries, length }
}

/**
 * Checks the region entry and its trailer. Returns the number of entries in the region. It is 0 for
 * a database header from before regions.
 */
function checkRegion(frame: Frame): number {
  const { form, data, fail } = frame
  const wanted: number = form === 'signature' ? SIGNATURE_TAG.region : TAG.region
  const region = entryAt(frame.view, 0)
  if (region.tag !== wanted && form === 'database' && region.tag >= TAG.i18nTable) return 0
  const isOld = form === 'database' && region.tag === OLD_REGION
  if (region.tag !== wanted && !isOld)
    fail(`its first entry is tag ${region.tag}, not the region ${wanted}`)
  if (region.type !== TYPE.bin || region.count !== ENTRY_BYTES)
    fail('the region entry has the wrong type or count')
  const end = region.offset + ENTRY_BYTES
  if (region.offset < 0 || end > data.length) fail('the region trailer lies outside the data')
  const trailer = entryAt(viewOf(data.subarray(region.offset, end)), 0)
  const isOldSignature = form === 'signature' && trailer.tag === OLD_REGION
  if (
    (trailer.tag !== region.tag && !isOldSignature) ||
    trailer.type !== TYPE.bin ||
    trailer.count !== ENTRY_BYTES
  )
    fail('the region trailer is wrong')
  const inside = -trailer.offset / ENTRY_BYTES
  if (!Number.isInteger(inside) || inside < 1 || inside > frame.entries)
    fail(`the region trailer claims ${-trailer.offset} bytes of entries`)
  if (form !== 'database' && (inside !== frame.entries || end !== data.length))
    fail('the region does not cover the whole header')
  return inside
}

/** Checks every entry after the region's own. Returns them by tag. */
function checkEntries(frame: Frame, inRegion: number): Map<number, Entry> {
  const { data, fail } = frame
  const entries = new Map<number, Entry>()
  let end = 0
  for (let i = inRegion === 0 ? 0 : 1; i < frame.entries; i++) {
    const entry = entryAt(frame.view, i)
    const { tag, type, offset } = entry
    if (tag < TAG.i18nTable) fail(`entry ${i} has the reserved tag ${tag}`)
    if (WIDTH[type] === undefined && !STRING_TYPES.includes(type))
      fail(`tag ${tag} has the unknown type ${type}`)
    if (offset < end) fail(`tag ${tag} overlaps the entry before it`)
    if (offset > data.length) fail(`tag ${tag} begins outside the data`)
    if (offset % (WIDTH[type] ?? 1) !== 0) fail(`tag ${tag} is not aligned`)
    const length = lengthOf(data, entry)
    if (length === undefined || length <= 0 || offset + length > data.length)
      return fail(`tag ${tag} has no room for its ${entry.count} values`)
    end = offset + length
    // A database appends changed entries after the region. They replace the entries inside. A file
    // must not have a tag twice.
    if (entries.has(tag) && (frame.form !== 'database' || i < inRegion))
      fail(`tag ${tag} is there twice`)
    entries.set(tag, entry)
  }
  return entries
}

function accessors({ data, fail }: Frame, entries: ReadonlyMap<number, Entry>): Header {
  const find = (tag: number, types: readonly number[]): Entry | undefined => {
    const entry = entries.get(tag)
    if (entry !== undefined && !types.includes(entry.type))
      fail(`tag ${tag} has type ${entry.type}, expected ${types.join(' or ')}`)
    return entry
  }
  const strings = (tag: number, most = Number.POSITIVE_INFINITY): string[] | undefined => {
    const entry = find(tag, STRING_TYPES)
    if (entry === undefined) return undefined
    const values: string[] = []
    for (let at = entry.offset; values.length < Math.min(entry.count, most); ) {
      const end = data.indexOf(0, at)
      values.push(utf8.decode(data.subarray(at, end)))
      at = end + 1
    }
    return values
  }
  const numbers = (tag: number, most = Number.POSITIVE_INFINITY): number[] | undefined => {
    const entry = find(tag, [TYPE.char, TYPE.int8, TYPE.int16, TYPE.int32, TYPE.int64])
    if (entry === undefined) return undefined
    const width = requireDefined(WIDTH[entry.type], 'every number type has a width')
    const view = viewOf(data.subarray(entry.offset, entry.offset + width * entry.count))
    return Array.from({ length: Math.min(entry.count, most) }, (_, i) => {
      if (width === 8) {
        const value = Number(view.getBigUint64(i * 8))
        return Number.isSafeInteger(value) ? value : fail(`tag ${tag} holds a number beyond 2^53`)
      }
      return width === 4
        ? view.getUint32(i * 4)
        : width === 2
          ? view.getUint16(i * 2)
          : view.getUint8(i)
    })
  }
  return {
    tags: new Set(entries.keys()),
    strings: (tag) => strings(tag),
    string: (tag) => strings(tag, 1)?.[0],
    numbers: (tag) => numbers(tag),
    number: (tag) => numbers(tag, 1)?.[0],
    bytes: (tag) => {
      const entry = find(tag, [TYPE.bin])
      return entry && data.subarray(entry.offset, entry.offset + entry.count)
    },
  }
}

function entryAt(view: DataView, i: number): Entry {
  const at = i * ENTRY_BYTES
  return {
    tag: view.getInt32(at),
    type: view.getUint32(at + 4),
    offset: view.getInt32(at + 8),
    count: view.getUint32(at + 12),
  }
}

/**
 * Returns the length of an entry's data. Undefined if a string isn't terminated, or if a single
 * string claims a count.
 */
function lengthOf(data: Uint8Array, entry: Entry): number | undefined {
  const width = WIDTH[entry.type]
  if (width !== undefined) return width * entry.count
  if (entry.type === TYPE.string && entry.count !== 1) return undefined
  let at = entry.offset
  // Each iteration uses at least one byte, so a huge count stops at the end of the data.
  for (let i = 0; i < entry.count; i++) {
    const end = data.indexOf(0, at)
    if (end === -1) return undefined
    at = end + 1
  }
  return at - entry.offset
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function failure(what: string): Frame['fail'] {
  return (reason) => {
    throw rpmError('rpm.header', { what, reason })
  }
}

/** Old packages contain Latin-1, so bytes that aren't UTF-8 become U+FFFD. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
