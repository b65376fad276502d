/**
 * A streaming XML reader for hostile input. It accepts only well-formed UTF-8 (saxes) without a
 * DOCTYPE, so there are no entities. Depth, attributes and tokens are bounded, and the reader holds
 * one token at a time.
 */
import { SaxesParser } from 'saxes'
import { mirrorError } from '../../../model/errors.ts'

/** createrepo_c nests six levels deep. */
export const MAX_DEPTH = 32
/** Elements of repository metadata have at most six attributes. */
export const MAX_ATTRIBUTES = 64
/** The longest tag, and all text directly inside one element, in characters. */
export const MAX_TOKEN = 1024 * 1024
const TOO_LONG = `a text or tag is longer than ${MAX_TOKEN} characters`
/** The parser gets this many bytes in one step. Each step then checks the length of the token. */
const STEP = 64 * 1024

export type Attributes = Readonly<Record<string, string>>

export interface XmlHandlers {
  /** `depth` of the root element is 1. */
  open?(name: string, attributes: Attributes, depth: number): void
  /** Text or CDATA directly inside the innermost open element. It may arrive in several parts. */
  text?(text: string): void
  close?(name: string, depth: number): void
  /** The decoded text of the document, before its events. It lets a caller copy parts of it. */
  decoded?(text: string): void
}

export interface XmlReader {
  /** @throws mirror.metadata at the first error */
  write(bytes: Uint8Array): void
  end(): void
  /** During `open` and `close`: the number of characters up to the end of the tag. */
  position(): number
}

export function createXmlReader(file: string, handlers: XmlHandlers): XmlReader {
  const parser = new SaxesParser({ xmlns: false, position: false })
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  const refuse: Refuse = (reason, cause) =>
    mirrorError('mirror.metadata', { file, reason }, { cause })
  const bounds = new XmlBounds(refuse)
  connect(parser, { handlers, bounds, refuse })
  let bytesRead = 0

  const guarded = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      if (mirrorError.is(error)) throw error
      throw refuse(`${describe(error)}, before byte ${bytesRead}`, error)
    }
  }
  return {
    position: () => parser.position,
    write(bytes) {
      for (let from = 0; from < bytes.length; from += STEP) {
        const part = bytes.subarray(from, from + STEP)
        bytesRead += part.length
        guarded(() => {
          const text = decoder.decode(part, { stream: true })
          bounds.read(text.length)
          handlers.decoded?.(text)
          parser.write(text)
        })
        bounds.check()
      }
    },
    end() {
      guarded(() => {
        parser.write(decoder.decode())
        // saxes accepts an empty document if nothing was written.
        if (!bounds.sawRoot) throw refuse('it is empty')
        parser.close()
      })
    },
  }
}

type Refuse = (reason: string, cause?: unknown) => Error

/** Enforces the bounds on depth, attributes and the length of tokens. */
class XmlBounds {
  readonly #refuse: Refuse
  #depth = 0
  #attributes = 0
  /** Characters since the parser reported an event: the length of an unfinished token. */
  #sinceEvent = 0
  /**
   * The number of characters of text since the last tag. Text may arrive in many parts, and a
   * handler that joins them must not hold more than one token.
   */
  #sinceTag = 0
  sawRoot = false

  constructor(refuse: Refuse) {
    this.#refuse = refuse
  }

  read(characters: number): void {
    this.#sinceEvent += characters
  }

  check(): void {
    if (this.#sinceEvent > MAX_TOKEN) throw this.#refuse(TOO_LONG)
  }

  event(): void {
    this.#sinceEvent = 0
  }

  startTag(): void {
    this.#sinceEvent = 0
    this.#attributes = 0
  }

  attribute(): void {
    this.#attributes += 1
    if (this.#attributes > MAX_ATTRIBUTES)
      throw this.#refuse(`an element has more than ${MAX_ATTRIBUTES} attributes`)
  }

  /** Returns the depth of the opened element. */
  openTag(): number {
    this.#sinceEvent = 0
    this.#sinceTag = 0
    this.sawRoot = true
    this.#depth += 1
    if (this.#depth > MAX_DEPTH) throw this.#refuse(`elements are nested deeper than ${MAX_DEPTH}`)
    return this.#depth
  }

  text(characters: number): void {
    this.#sinceEvent = 0
    this.#sinceTag += characters
    if (this.#sinceTag > MAX_TOKEN) throw this.#refuse(TOO_LONG)
  }

  /** Returns the depth of the closed element. */
  closeTag(): number {
    this.#sinceEvent = 0
    this.#sinceTag = 0
    this.#depth -= 1
    return this.#depth + 1
  }
}

function connect(
  parser: SaxesParser,
  { handlers, bounds, refuse }: { handlers: XmlHandlers; bounds: XmlBounds; refuse: Refuse },
): void {
  parser.on('xmldecl', (declaration) => {
    const encoding = declaration.encoding?.toLowerCase() ?? 'utf-8'
    if (encoding !== 'utf-8' && encoding !== 'us-ascii')
      throw refuse(`its encoding is ${encoding.slice(0, 20)}, not UTF-8`)
  })
  parser.on('doctype', () => {
    throw refuse('it has a DOCTYPE, which could define entities')
  })
  parser.on('opentagstart', () => bounds.startTag())
  parser.on('attribute', () => bounds.attribute())
  parser.on('opentag', ({ name, attributes }) => {
    const depth = bounds.openTag()
    handlers.open?.(name, attributes, depth)
  })
  const onText = (text: string): void => {
    bounds.text(text.length)
    handlers.text?.(text)
  }
  parser.on('text', onText)
  parser.on('cdata', onText)
  parser.on('closetag', ({ name }) => {
    const depth = bounds.closeTag()
    handlers.close?.(name, depth)
  })
  parser.on('comment', () => bounds.event())
}

/** Describes an error. The decoder throws a TypeError, the parser any other error. */
function describe(error: unknown): string {
  if (error instanceof TypeError) return 'it is not UTF-8'
  const text = error instanceof Error ? error.message : String(error)
  return `it is not well-formed XML (${text.slice(0, 120)})`
}
