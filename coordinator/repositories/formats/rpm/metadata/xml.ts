/**
 * A streaming XML reader for input that an enemy may have written: strict well-formedness (saxes),
 * UTF-8 only, no DOCTYPE and so no entities, bounded depth, attributes and token length. It never
 * reads a file or the network, and holds one token at a time.
 */
import { SaxesParser } from 'saxes'
import { mirrorError } from '../../../model/errors.ts'

/** createrepo_c nests six levels deep; nothing honest comes near. */
export const MAX_DEPTH = 32
/** Elements of repository metadata have at most six attributes. */
export const MAX_ATTRIBUTES = 64
/**
 * The longest tag, and all text directly inside one element, in characters: a package description
 * of 1 MiB is already absurd.
 */
export const MAX_TOKEN = 1024 * 1024
const TOO_LONG = `a text or tag is longer than ${MAX_TOKEN} characters`
/** Bytes given to the parser at once, so that the token bound is checked at least this often. */
const STEP = 64 * 1024

export interface XmlHandlers {
  /** `depth` of the root element is 1. */
  open?(name: string, attributes: Readonly<Record<string, string>>, depth: number): void
  /** Text directly inside the innermost open element; CDATA too. May come in several parts. */
  text?(text: string): void
  close?(name: string, depth: number): void
  /**
   * The decoded text of the document, before what is in it is told of: for whoever copies parts of
   * it as they stand.
   */
  decoded?(text: string): void
}

export interface XmlReader {
  /** Throws `mirror.metadata` at the first thing that is wrong. */
  write(bytes: Uint8Array): void
  end(): void
  /**
   * Characters of the document up to the end of the tag that `open` or `close` is being told of.
   */
  position(): number
}

export function createXmlReader(file: string, handlers: XmlHandlers): XmlReader {
  const parser = new SaxesParser({ xmlns: false, position: false })
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  let depth = 0
  let attributes = 0
  let sinceEvent = 0
  // Text may come in any number of parts, between comments or as CDATA; a reader that joins them
  // must not be made to hold more than a token.
  let textSinceTag = 0
  let bytesRead = 0
  let sawRoot = false
  const refuse = (reason: string, cause?: unknown): Error =>
    mirrorError('mirror.metadata', { file, reason }, { cause })

  parser.on('xmldecl', (declaration) => {
    const encoding = declaration.encoding?.toLowerCase() ?? 'utf-8'
    if (encoding !== 'utf-8' && encoding !== 'us-ascii')
      throw refuse(`its encoding is ${encoding.slice(0, 20)}, not UTF-8`)
  })
  parser.on('doctype', () => {
    throw refuse('it has a DOCTYPE, which could define entities')
  })
  parser.on('opentagstart', () => {
    sinceEvent = 0
    attributes = 0
  })
  parser.on('attribute', () => {
    attributes += 1
    if (attributes > MAX_ATTRIBUTES)
      throw refuse(`an element has more than ${MAX_ATTRIBUTES} attributes`)
  })
  parser.on('opentag', (tag) => {
    sinceEvent = 0
    textSinceTag = 0
    sawRoot = true
    depth += 1
    if (depth > MAX_DEPTH) throw refuse(`elements are nested deeper than ${MAX_DEPTH}`)
    handlers.open?.(tag.name, tag.attributes, depth)
  })
  const onText = (text: string): void => {
    sinceEvent = 0
    textSinceTag += text.length
    if (textSinceTag > MAX_TOKEN) throw refuse(TOO_LONG)
    handlers.text?.(text)
  }
  parser.on('text', onText)
  parser.on('cdata', onText)
  parser.on('closetag', (tag) => {
    sinceEvent = 0
    textSinceTag = 0
    handlers.close?.(tag.name, depth)
    depth -= 1
  })
  parser.on('comment', () => {
    sinceEvent = 0
  })

  const guarded = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      if (mirrorError.is(error)) throw error
      const reason =
        error instanceof TypeError
          ? 'it is not UTF-8'
          : `it is not well-formed XML (${(error as Error).message.slice(0, 120)})`
      throw refuse(`${reason}, before byte ${bytesRead}`, error)
    }
  }
  return {
    position: () => parser.position,
    write(bytes) {
      for (let from = 0; from < bytes.length; from += STEP) {
        const piece = bytes.subarray(from, from + STEP)
        bytesRead += piece.length
        guarded(() => {
          const text = decoder.decode(piece, { stream: true })
          sinceEvent += text.length
          handlers.decoded?.(text)
          parser.write(text)
        })
        if (sinceEvent > MAX_TOKEN) throw refuse(TOO_LONG)
      }
    },
    end() {
      guarded(() => {
        parser.write(decoder.decode())
        // saxes takes an empty document for an unfinished one only when something was written.
        if (!sawRoot) throw refuse('it is empty')
        parser.close()
      })
    },
  }
}
