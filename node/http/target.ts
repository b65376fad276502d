/**
 * The path of a request as segments that name something. What could lead elsewhere (`..`, an
 * encoded slash, NUL) is refused here, before anybody joins or looks up anything.
 */
/** Longer than any path that we publish (1,024 bytes, each percent-encoded). */
const MAX_TARGET = 8192

export interface Target {
  /** Decoded, none of them empty. */
  readonly segments: readonly string[]
  /** Whether the path ended in `/`, as that of a folder does. */
  readonly folder: boolean
}

/**
 * The target of a request line, or undefined if it is not one that can name anything. The query is
 * ignored.
 */
export function parseTarget(url: string | undefined): Target | undefined {
  if (url === undefined || url.length > MAX_TARGET || !url.startsWith('/')) return undefined
  const path = url.split(/[?#]/, 1)[0] as string
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
