/**
 * Parses the path of a request into segments. Rejects `..`, encoded slashes and NUL before any code
 * joins the segments.
 */
/** The limit is longer than any published path (1,024 bytes, each percent-encoded). */
const MAX_TARGET = 8192

export interface Target {
  /** The decoded segments. None of them is empty. */
  readonly segments: readonly string[]
  /** True if the path ended in `/`, like that of a folder. */
  readonly folder: boolean
}

/**
 * Parses the target of a request line. Ignores the query. Returns undefined if the target is
 * invalid.
 */
export function parseTarget(url: string | undefined): Target | undefined {
  if (url === undefined || url.length > MAX_TARGET || !url.startsWith('/')) return undefined
  const path = url.replace(/[?#].*$/s, '')
  const segments: string[] = []
  for (const raw of path.split('/')) {
    if (raw === '') continue
    const segment = decode(raw)
    if (segment === undefined || segment === '.' || segment === '..' || /[/\\\0]/.test(segment))
      return undefined
    segments.push(segment)
  }
  return { segments, folder: path.endsWith('/') }
}

function decode(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw)
  } catch {
    return undefined
  }
}
