/**
 * Conditional and range requests (RFC 9110 sections 13 and 14). The decisions need only the
 * headers.
 */
export interface Validators {
  /** A strong entity tag with its quotes. */
  readonly etag: string
  /** Milliseconds since the epoch. */
  readonly modifiedAt?: number
}

/** Header names in lower case, as node:http returns them. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface ByteRange {
  /** The offset of the first byte. */
  readonly start: number
  /** The offset after the last byte. */
  readonly end: number
}

export type Decision =
  | { readonly status: 200 }
  | { readonly status: 206; readonly range: ByteRange }
  | { readonly status: 304 }
  | { readonly status: 412 }
  | { readonly status: 416 }

/** Decides on the response to a GET or HEAD of a file with these validators and this size. */
export function decide(
  headers: RequestHeaders,
  file: Validators & { readonly size: number },
): Decision {
  const ifMatch = single(headers['if-match'])
  if (ifMatch !== undefined && !matches(ifMatch, file.etag, 'strong')) return { status: 412 }
  const ifUnmodified = time(headers['if-unmodified-since'])
  if (ifMatch === undefined && ifUnmodified !== undefined && modifiedAfter(file, ifUnmodified))
    return { status: 412 }
  const ifNoneMatch = single(headers['if-none-match'])
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, file.etag, 'weak')) return { status: 304 }
  } else {
    const since = time(headers['if-modified-since'])
    if (since !== undefined && file.modifiedAt !== undefined && !modifiedAfter(file, since))
      return { status: 304 }
  }
  const wanted = single(headers.range)
  if (wanted === undefined || !rangeStillHolds(single(headers['if-range']), file))
    return { status: 200 }
  const range = parseRange(wanted, file.size)
  if (range === 'whole') return { status: 200 }
  return range === undefined ? { status: 416 } : { status: 206, range }
}

/**
 * Parses a Range header with a single range. Returns undefined if the range is outside the file.
 * Returns `whole` for headers that a server may ignore: another unit, bad syntax, or several
 * ranges. Several ranges can cost more than the file.
 */
export function parseRange(header: string, size: number): ByteRange | 'whole' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim())
  if (match === null || (match[1] === '' && match[2] === '')) return 'whole'
  if (match[1] === '') {
    const last = Number(match[2])
    return last === 0 || size === 0 ? undefined : { start: Math.max(0, size - last), end: size }
  }
  const start = Number(match[1])
  const end = match[2] === '' ? size : Math.min(Number(match[2]) + 1, size)
  if (match[2] !== '' && Number(match[2]) < start) return 'whole'
  return start >= size ? undefined : { start, end }
}

/**
 * Returns true if the range applies. If-Range has a strong tag or an exact date. Any other value
 * requests the whole file.
 */
function rangeStillHolds(condition: string | undefined, file: Validators): boolean {
  if (condition === undefined) return true
  if (condition.startsWith('"')) return condition === file.etag
  const at = time(condition)
  return (
    at !== undefined && file.modifiedAt !== undefined && seconds(file.modifiedAt) === seconds(at)
  )
}

function matches(list: string, etag: string, strength: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true
  return list.split(',').some((each) => {
    const tag = each.trim()
    return tag === etag || (strength === 'weak' && tag.startsWith('W/') && tag.slice(2) === etag)
  })
}

/** Returns true if the file changed after this time. HTTP dates have whole seconds. */
function modifiedAfter(file: Validators, at: number): boolean {
  return file.modifiedAt !== undefined && seconds(file.modifiedAt) > seconds(at)
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}

function time(value: string | string[] | undefined): number | undefined {
  const at = Date.parse(single(value) ?? '')
  return Number.isNaN(at) ? undefined : at
}
