/**
 * Copies packages from primary, filelists and other metadata into metadata that Muster writes.
 * Every character stays the same. The input is parsed strictly, so a copy is well-formed too.
 */
import { mirrorError } from '../../../model/errors.ts'
import { type Attributes, createXmlReader, type XmlHandlers, type XmlReader } from './xml.ts'

export interface Root {
  readonly kind: 'root'
  readonly name: string
  readonly attributes: Attributes
}

export type Piece =
  | Root
  /** `pkgid`: the attribute in filelists and other. Primary has the checksum in an element. */
  | { readonly kind: 'package'; readonly pkgid: string; readonly text: string }

/**
 * The largest package, or text between two packages, in characters. A package with 100,000 files
 * has a file list of 8 million.
 */
const MAX_PIECE = 32 * 1024 * 1024

/** Yields the root element, then every package in the file's order. @throws mirror.metadata */
export async function* packagePieces(
  source: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Piece> {
  const pieces = new PieceCutter(file)
  for await (const bytes of source) {
    pieces.write(bytes)
    yield* pieces.ready.splice(0)
  }
  pieces.end()
  yield* pieces.ready.splice(0)
}

/** Cuts the texts of packages out of a document. */
class PieceCutter implements XmlHandlers {
  readonly ready: Piece[] = []
  readonly #file: string
  readonly #reader: XmlReader
  /** The text from `#heldFrom` on. It may still be needed. */
  #held = ''
  #heldFrom = 0
  /** The end of the last tag. */
  #lastEnd = 0
  /** The start of the open package. */
  #start: number | undefined
  #pkgid = ''

  constructor(file: string) {
    this.#file = file
    this.#reader = createXmlReader(file, this)
  }

  write(bytes: Uint8Array): void {
    this.#reader.write(bytes)
    const needed = this.#start ?? this.#lastEnd
    this.#held = this.#held.slice(needed - this.#heldFrom)
    this.#heldFrom = needed
    if (this.#held.length > MAX_PIECE)
      throw mirrorError('mirror.metadata', {
        file: this.#file,
        reason: `what it says of one package is longer than ${MAX_PIECE} characters`,
      })
  }

  end(): void {
    this.#reader.end()
  }

  decoded(text: string): void {
    this.#held += text
  }

  open(name: string, attributes: Attributes, depth: number): void {
    this.#lastEnd = this.#reader.position()
    if (depth === 1) this.ready.push({ kind: 'root', name, attributes: { ...attributes } })
    if (depth !== 2 || name !== 'package') return
    // A tag contains no `<` after its first character, so the last `<` before its end begins it.
    const before = this.#lastEnd - 1 - this.#heldFrom
    this.#start = this.#heldFrom + this.#held.lastIndexOf('<', before)
    this.#pkgid = attributes['pkgid'] ?? ''
  }

  close(_name: string, depth: number): void {
    this.#lastEnd = this.#reader.position()
    if (depth !== 2 || this.#start === undefined) return
    const text = this.#held.slice(this.#start - this.#heldFrom, this.#lastEnd - this.#heldFrom)
    this.ready.push({ kind: 'package', pkgid: this.#pkgid, text })
    this.#start = undefined
  }
}

/** A document to copy packages from. */
export interface PackageSource {
  /** Its name in errors. */
  readonly file: string
  bytes(): AsyncIterable<Uint8Array>
  /** @param index - the number of the package in the document, from 0 */
  keep(index: number, pkgid: string): boolean
}

/**
 * Yields one document with the kept packages of several, in their order. The root element is that
 * of the first document.
 * @param count - the number of kept packages, which the root element contains
 * @throws mirror.metadata, also if the sources have another number of packages
 */
export async function* joinPackages(
  sources: readonly PackageSource[],
  count: number,
): AsyncGenerator<string> {
  let root: Root | undefined
  let written = 0
  for (const source of sources) {
    let index = 0
    for await (const piece of packagePieces(source.bytes(), source.file)) {
      const isKept = piece.kind === 'package' && source.keep(index++, piece.pkgid)
      if (isKept) {
        written += 1
        yield `${piece.text}\n`
      }
      if (piece.kind === 'package') continue
      if (root === undefined) yield startOf(piece, count)
      else requireSameNames(root, piece, source.file)
      root ??= piece
    }
  }
  if (root === undefined || written !== count)
    throw mirrorError('mirror.metadata', {
      file: sources.map((each) => each.file).join(' and '),
      reason: `it describes ${written} of ${count} packages that the repository lists`,
    })
  yield `</${root.name}>\n`
}

function startOf(root: Root, count: number): string {
  const attributes = Object.entries({ ...root.attributes, packages: String(count) }).map(
    ([name, value]) => ` ${name}="${escapeXml(value)}"`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root.name}${attributes.join('')}>\n`
}

/** Checks that the prefixes in copied text have the same meaning in both documents. */
function requireSameNames(first: Root, other: Root, file: string): void {
  const refuse = (reason: string): Error => mirrorError('mirror.metadata', { file, reason })
  if (first.name !== other.name)
    throw refuse(`its root element is ${other.name.slice(0, 40)}, not ${first.name.slice(0, 40)}`)
  for (const [name, value] of Object.entries(other.attributes))
    if (/^xmlns(:|$)/.test(name) && first.attributes[name] !== value)
      throw refuse(`its namespaces are not those of the other version`)
}

/** Escapes text, and attributes in double quotes. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\t\n\r]/g, (blank) => `&#${blank.charCodeAt(0)};`)
}
