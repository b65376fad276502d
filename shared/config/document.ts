/**
 * Parses one YAML file to plain values with known positions. Only a simple part of YAML is
 * accepted: version 1.2, unique plain-text keys, decimal numbers, no tags, few aliases, one
 * document. Environment variables are substituted after parsing, so their text can't become
 * structure.
 */
import {
  type Document,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  type Scalar,
  type visitor,
  isAlias,
  isMap,
  isNode,
  isScalar,
  parseDocument,
  visit,
} from 'yaml'
import { substitute } from './environment.ts'
import { syntaxProblems } from './syntax-problems.ts'

export type KeyPath = readonly (string | number)[]

/** One problem with its position, printed as `file:line:col key.path: text`. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly path: KeyPath
  readonly text: string
}

export interface ConfigDocument {
  readonly file: string
  /** The plain values of the whole file; undefined for an empty file. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /**
   * The paths of values with substituted variables, joined with NUL. Their text may have to become
   * a number or a boolean.
   */
  readonly substituted: ReadonlySet<string>
  /**
   * Returns a problem at `path`, or at the nearest enclosing value in this file. With `atKey`, its
   * position is the key.
   */
  problem(path: KeyPath, text: string, atKey?: boolean): Problem
  /** Returns the number of steps of `path` that exist in this file. */
  depth(path: KeyPath): number
}

/** The limit against alias bombs. Real files use a few. `maxAliasCount` counts each expansion. */
const MAX_ALIASES = 100

const PARSER = {
  version: '1.2',
  strict: true,
  uniqueKeys: true,
  merge: false,
  prettyErrors: false,
  logLevel: 'error',
} as const

export const joinPath = (path: KeyPath): string => path.join('\0')

/**
 * Parses the text of a file. It never throws. If there are `problems`, `value` is undefined.
 */
export function parseConfigDocument(
  file: string,
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): ConfigDocument {
  const parsed = new ParsedFile(file, text)
  const substituted = new Set<string>()
  parsed.checkSyntax()
  parsed.checkValues(env, substituted)
  return {
    file,
    value: parsed.value(),
    problems: parsed.problems,
    substituted,
    problem: (path, message, atKey) => parsed.problem(path, message, atKey),
    depth: (path) => parsed.depth(path),
  }
}

/** A parsed file and the problems that were found so far. */
class ParsedFile {
  readonly problems: Problem[] = []
  readonly #file: string
  readonly #text: string
  readonly #lines = new LineCounter()
  readonly #document: Document<ParsedNode> | undefined

  constructor(file: string, text: string) {
    this.#file = file
    this.#text = text
    this.#document = this.#guarded(() =>
      parseDocument(text, { ...PARSER, lineCounter: this.#lines }),
    )
  }

  checkSyntax(): void {
    if (this.#document === undefined) return
    for (const { offset, text } of syntaxProblems(this.#document, this.#text))
      this.problems.push(this.#at(offset, [], text))
  }

  /** Checks every key and value, and substitutes environment variables. */
  checkValues(env: Readonly<Record<string, string | undefined>>, substituted: Set<string>): void {
    const document = this.#document
    if (document === undefined) return
    const report = (offset: number, path: KeyPath, text: string): void =>
      void this.problems.push(this.#at(offset, path, text))
    this.#guarded(() => visit(document, valueChecks(document, { report, env, substituted })))
  }

  /** Returns the plain value; undefined if there are problems. */
  value(): unknown {
    if (this.problems.length > 0) return undefined
    try {
      return this.#document?.toJS({ maxAliasCount: MAX_ALIASES }) ?? undefined
    } catch (cause) {
      if (!(cause instanceof ReferenceError)) throw cause
      const text = `expected at most ${MAX_ALIASES} uses of aliases`
      this.problems.push(this.#at(0, [], text))
      return undefined
    }
  }

  depth(path: KeyPath): number {
    let steps = path.length
    while (steps > 0 && this.#nodeAt(path.slice(0, steps)) === undefined) steps -= 1
    return steps
  }

  problem(path: KeyPath, text: string, atKey = false): Problem {
    const steps = this.depth(path)
    const key =
      atKey && steps === path.length
        ? keyNode(this.#nodeAt(path.slice(0, -1)), path.at(-1))
        : undefined
    const node = key ?? this.#nodeAt(path.slice(0, steps))
    return this.#at(node?.range?.[0] ?? 0, path, text)
  }

  #nodeAt(path: KeyPath): Node | undefined {
    const node = path.length === 0 ? this.#document?.contents : this.#document?.getIn(path, true)
    return isNode(node) ? node : undefined
  }

  #at(offset: number, path: KeyPath, text: string): Problem {
    const { line, col } = this.#lines.linePos(Math.min(offset, this.#text.length))
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col), path, text }
  }

  /** Runs `work` safely: the parser recurses, so many opening brackets exhaust the stack. */
  #guarded<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      const text = 'expected a configuration, got values that are nested too deeply'
      this.problems.push(this.#at(0, [], text))
      return undefined
    }
  }
}

interface Checks {
  report(offset: number, path: KeyPath, text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  /** Receives the paths of values with substituted variables. */
  readonly substituted: Set<string>
}

function valueChecks(document: Document<ParsedNode>, checks: Checks): visitor {
  return {
    Pair: (_, { key }) => checkKey(key, checks),
    Alias: (_, alias, ancestors) => {
      if (alias.resolve(document) !== undefined) return
      const { source } = alias
      const text = `there is no &${source} before this *${source}; quote it if it is text`
      checks.report(offsetOf(alias), pathOf([...ancestors, alias]), text)
    },
    Scalar: (position, scalar, ancestors) => {
      if (position !== 'key') checkScalar(scalar, pathOf([...ancestors, scalar]), checks)
    },
  }
}

function checkKey(key: unknown, { report }: Checks): void {
  const offset = isNode(key) ? offsetOf(key) : 0
  if (!isScalar(key) || typeof key.value !== 'string')
    report(offset, [], 'expected a key of plain text; quote it')
  else if (key.value === '__proto__') report(offset, [], 'unknown key "__proto__"')
}

/** Decimal numbers only, because 077 means 63 in YAML 1.1 and 77 in YAML 1.2. */
const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?$/

function checkScalar(scalar: Scalar, path: KeyPath, checks: Checks): void {
  const { value, source = '' } = scalar
  const report = (text: string): void => checks.report(offsetOf(scalar), path, text)
  if (typeof value === 'number' && !DECIMAL.test(source))
    report(`expected a plain decimal number, got ${source}; quote it if it is text`)
  if (typeof value !== 'string') return
  const result = substitute(value, checks.env)
  if ('problem' in result) return report(result.problem)
  scalar.value = result.text
  if (result.used) checks.substituted.add(joinPath(path))
}

function offsetOf(node: Node): number {
  return node.range?.[0] ?? 0
}

/** Returns the key path of the last of `nodes`. Each node contains the next one. */
function pathOf(nodes: readonly (Node | Document | Pair)[]): KeyPath {
  const path: (string | number)[] = []
  for (const [index, node] of nodes.entries()) {
    const next = nodes[index + 1]
    if (next === undefined) break
    if ('items' in node && !isMap(node)) path.push(node.items.indexOf(next))
    else if ('key' in node) path.push(String(isScalar(node.key) ? node.key.value : undefined))
  }
  return path
}

function keyNode(parent: Node | undefined, key: string | number | undefined): Node | undefined {
  if (parent === undefined || isAlias(parent) || !isMap(parent)) return undefined
  for (const { key: node } of parent.items) if (isScalar(node) && node.value === key) return node
  return undefined
}
