/**
 * A path inside a repository, as its metadata names it. An {@link Href} has been checked: relative,
 * no `.` or `..`, no empty segment and no control characters, also after percent-decoding. Only an
 * Href is requested, stored or published.
 *
 * Metadata names files literally (`a b#c`, not `a%20b%23c`). So the URL of a file has every segment
 * percent-encoded.
 */
declare const brand: unique symbol
export type Href = string & { readonly [brand]: 'href' }

/**
 * A path of 1,024 bytes is far longer than real ones. With any prefix of Muster it stays below
 * PATH_MAX (4,096).
 */
export const MAX_HREF_BYTES = 1024
/** NAME_MAX of every Linux file system to which Muster publishes. */
export const MAX_SEGMENT_BYTES = 255

/** Returns the checked path or the reason to reject it. */
export function parseHref(text: string): { href: Href } | { reason: string } {
  const reason = refusal(text)
  if (reason !== undefined) return { reason }
  const decoded = percentDecoded(text)
  if (decoded !== undefined && decoded !== text) {
    // A client that decodes once more than Muster must not leave the repository.
    const hidden = refusal(decoded)
    if (hidden !== undefined) return { reason: `percent-decoded, ${hidden}` }
  }
  return { href: text as Href }
}

/** Converts a path that Muster itself wrote. */
export function ownHref(text: string): Href {
  const parsed = parseHref(text)
  if ('reason' in parsed) throw new Error(`${JSON.stringify(text)} is not a path: ${parsed.reason}`)
  return parsed.href
}

/**
 * Returns the same path with percent-escapes resolved; undefined if that changes nothing. Some
 * publishers write escaped paths into their metadata.
 */
export function decodedHref(href: Href): Href | undefined {
  const decoded = percentDecoded(href)
  return decoded === undefined || decoded === href ? undefined : (decoded as Href)
}

/** Percent-encodes every segment. The result can follow a base address that ends in `/`. */
export function encodeHref(href: string): string {
  return href.split('/').map(encodeURIComponent).join('/')
}

const CONTROL = /\p{Cc}/u
/**
 * Characters that reorder or hide text on a terminal (Unicode bidi controls, zero-width marks). A
 * name with them misleads its reader.
 */
const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/

function refusal(text: string): string | undefined {
  if (text === '') return 'the path is empty'
  if (!text.isWellFormed()) return 'the path is not valid Unicode'
  if (Buffer.byteLength(text) > MAX_HREF_BYTES)
    return `the path is longer than ${MAX_HREF_BYTES} bytes`
  if (CONTROL.test(text)) return 'the path has control characters'
  if (INVISIBLE.test(text)) return 'the path has invisible or direction-changing characters'
  if (text.includes('\\')) return 'the path has a backslash'
  if (text.startsWith('/')) return 'the path is absolute'
  if (/^[a-z][a-z0-9+.-]*:\//i.test(text)) return 'the path is an address'
  for (const segment of text.split('/')) {
    if (segment === '') return 'the path has an empty segment'
    if (segment === '.' || segment === '..') return `the path has a ${segment} segment`
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
      return `a name in the path is longer than ${MAX_SEGMENT_BYTES} bytes`
  }
  return undefined
}

function percentDecoded(text: string): string | undefined {
  if (!text.includes('%')) return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    // A single `%` is a legal character of a file name.
    return undefined
  }
}
