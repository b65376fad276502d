/**
 * The path of a request as segments. Rejects `..`, encoded slashes and NUL before any code joins
 * the segments.
 */
/** Longer than any published path (1,024 bytes, each percent-encoded). */
const MAX_TARGET = 8192

export interface Target {
  /** Decoded, none of them empty. */
  readonly segments: readonly string[]
  /** Whether the path ended in `/`, like that of a folder. */
  readonly folder: boolean
}

/** The target of a request line. Undefined if it is invalid. Ignores the query. */
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
