/**
 * The packages of primary, filelists and other metadata as the publisher wrote them, character for
 * character: what a mirror that keeps some of them copies into metadata of its own. Parsed with the
 * same strictness as what is read from them, so that a copy is well-formed too.
 */
import { mirrorError } from '../../../model/errors.ts'
import { createXmlReader } from './xml.ts'

export type Piece =
  | {
      readonly kind: 'root'
      readonly name: string
      readonly attributes: Readonly<Record<string, string>>
    }
  /** `pkgid`: the attribute that filelists and other have; primary names the checksum inside. */
  | { readonly kind: 'package'; readonly pkgid: string; readonly text: string }

/**
 * One package, and what stands between two, in characters. The file list of a package with 100,000
 * files has 8 million.
 */
const MAX_PIECE = 32 * 1024 * 1024

/** The root element, then every package in the order of the file. @throws `mirror.metadata` */
export async function* packagePieces(
  source: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Piece> {
  const ready: Piece[] = []
  // The text from `heldFrom` on that may still be needed: from the start of a package, or from the
  // end of the tag before.
  let held = ''
  let heldFrom = 0
  let lastEnd = 0
  let start: number | undefined
  let pkgid = ''
  const reader = createXmlReader(file, {
    decoded(text) {
      held += text
    },
    open(name, attributes, depth) {
      lastEnd = reader.position()
      if (depth === 1) ready.push({ kind: 'root', name, attributes: { ...attributes } })
      if (depth !== 2 || name !== 'package') return
      // No `<` can stand inside a tag, so the last one is its own.
      start = heldFrom + held.lastIndexOf('<', lastEnd - 1 - heldFrom)
      pkgid = attributes['pkgid'] ?? ''
    },
    close(_name, depth) {
      lastEnd = reader.position()
      if (depth !== 2 || start === undefined) return
      ready.push({ kind: 'package', pkgid, text: held.slice(start - heldFrom, lastEnd - heldFrom) })
      start = undefined
    },
  })
  for await (const bytes of source) {
    reader.write(bytes)
    const needed = start ?? lastEnd
    held = held.slice(needed - heldFrom)
    heldFrom = needed
    if (held.length > MAX_PIECE)
      throw mirrorError('mirror.metadata', {
        file,
        reason: `what it says of one package is longer than ${MAX_PIECE} characters`,
      })
    yield* ready.splice(0)
  }
  reader.end()
  yield* ready.splice(0)
}

/** A document to copy packages from. */
export interface PackageSource {
  /** What errors call it. */
  readonly file: string
  bytes(): AsyncIterable<Uint8Array>
  /** `index`: its number among the packages of the document, from 0. */
  keep(index: number, pkgid: string): boolean
}

/**
 * One document with the kept packages of several, in their order, under the root element of the
 * first.
 * @param count - how many packages that is; another number is refused, because the root element
 * says it before they come
 * @throws `mirror.metadata`
 */
export async function* joinPackages(
  sources: readonly PackageSource[],
  count: number,
): AsyncGenerator<string> {
  let root: Extract<Piece, { kind: 'root' }> | undefined
  let written = 0
  for (const source of sources) {
    const refuse = (reason: string): Error =>
      mirrorError('mirror.metadata', { file: source.file, reason })
    let index = 0
    for await (const piece of packagePieces(source.bytes(), source.file)) {
      if (piece.kind === 'root') {
        if (root === undefined) yield startOf(piece, count)
        else requireSameNames(root, piece, refuse)
        root ??= piece
      } else if (source.keep(index++, piece.pkgid)) {
        written += 1
        yield `${piece.text}\n`
      }
    }
  }
  if (root === undefined || written !== count)
    throw mirrorError('mirror.metadata', {
      file: sources.map((each) => each.file).join(' and '),
      reason: `it describes ${written} of ${count} packages that the repository lists`,
    })
  yield `</${root.name}>\n`
}

function startOf(root: Extract<Piece, { kind: 'root' }>, count: number): string {
  const attributes = Object.entries({ ...root.attributes, packages: String(count) }).map(
    ([name, value]) => ` ${name}="${escapeXml(value)}"`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root.name}${attributes.join('')}>\n`
}

/** Copied text means the same only where the prefixes in it do. */
function requireSameNames(
  first: Extract<Piece, { kind: 'root' }>,
  other: Extract<Piece, { kind: 'root' }>,
  refuse: (reason: string) => Error,
): void {
  if (first.name !== other.name)
    throw refuse(`its root element is ${other.name.slice(0, 40)}, not ${first.name.slice(0, 40)}`)
  for (const [name, value] of Object.entries(other.attributes))
    if (/^xmlns(:|$)/.test(name) && first.attributes[name] !== value)
      throw refuse(`its namespaces are not those of the other version`)
}

/** For text and for attributes in double quotes. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\t\n\r]/g, (blank) => `&#${blank.charCodeAt(0)};`)
}
