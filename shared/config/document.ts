/**
 * Parses one YAML file to plain values with known positions. Only an unsurprising part of YAML is
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
  isAlias,
  isMap,
  isScalar,
  parseDocument,
  visit,
} from 'yaml'
import { substitute } from './environment.ts'

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
  /** The whole file as plain values; undefined for an empty file. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /**
   * Paths, joined with NUL, of values with substituted variables: text that may have to become a
   * number or a boolean.
   */
  readonly substituted: ReadonlySet<string>
  /**
   * A problem at `path`, or at the nearest enclosing value in this file. With `atKey`, at the key
   * itself.
   */
  problem(path: KeyPath, text: string, atKey?: boolean): Problem
  /** The number of steps of `path` that exist in this file. */
  depth(path: KeyPath): number
}

/** The limit against alias bombs; real files use a few (`maxAliasCount` counts every expansion). */
const MAX_ALIASES = 100

export const joinPath = (path: KeyPath): string => path.join('\0')

/**
 * Parses the text of a file. Never throws: errors are in `problems`, and `value` is undefined then.
 */
export function parseConfigDocument(
  file: string,
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): ConfigDocument {
  const lines = new LineCounter()
  const problems: Problem[] = []
  const substituted = new Set<string>()
  const at = (offset: number, path: KeyPath, message: string): Problem => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { file, line: Math.max(1, line), column: Math.max(1, col), path, text: message }
  }
  let document: Document<ParsedNode> | undefined
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      version: '1.2',
      strict: true,
      uniqueKeys: true,
      merge: false,
      prettyErrors: false,
      logLevel: 'error',
    })
    let broken = false
    for (const error of [...document.errors, ...document.warnings]) {
      const message = wording(error.code, error.message)
      // After the first syntax error the parser guesses; its further syntax errors are about the
      // guesses.
      if (message.startsWith(SYNTAX) && broken) continue
      broken ||= message.startsWith(SYNTAX)
      problems.push(at(error.pos[0], [], message + advice(text, error.pos[0], message)))
    }
    check(document)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    // The parser recurses, so a file of opening brackets exhausts the stack.
    problems.push(at(0, [], 'expected a configuration, got values that are nested too deeply'))
  }

  /** Checks every key and value, and substitutes environment variables. */
  function check(parsed: Document<ParsedNode>): void {
    visit(parsed, {
      Pair: (_, pair) => {
        const key = pair.key
        const offset = (key as Node | null)?.range?.[0] ?? 0
        if (!isScalar(key) || typeof key.value !== 'string')
          problems.push(at(offset, [], 'expected a key of plain text; quote it'))
        else if (key.value === '__proto__') problems.push(at(offset, [], 'unknown key "__proto__"'))
      },
      Alias: (_, alias, ancestors) => {
        if (alias.resolve(parsed) !== undefined) return
        problems.push(
          at(
            alias.range?.[0] ?? 0,
            pathOf([...ancestors, alias]),
            `there is no &${alias.source} before this *${alias.source}; quote it if it is text`,
          ),
        )
      },
      Scalar: (position, scalar, ancestors) => {
        if (position === 'key') return
        const path = pathOf([...ancestors, scalar])
        const offset = scalar.range?.[0] ?? 0
        const source = scalar.source ?? ''
        // 0o77 and 0x1f are YAML 1.2; 077 means 63 in YAML 1.1 and 77 in 1.2. All of them are
        // rejected as ambiguous.
        if (typeof scalar.value === 'number' && !/^-?(0|[1-9]\d*)(\.\d+)?$/.test(source)) {
          problems.push(
            at(
              offset,
              path,
              `expected a plain decimal number, got ${source}; quote it if it is text`,
            ),
          )
        }
        if (typeof scalar.value !== 'string') return
        const result = substitute(scalar.value, env)
        if ('problem' in result) problems.push(at(offset, path, result.problem))
        else if (result.text !== scalar.value || result.used) {
          scalar.value = result.text
          if (result.used) substituted.add(joinPath(path))
        }
      },
    })
  }

  const value =
    problems.length > 0 || document === undefined
      ? undefined
      : plain(document, (message) => problems.push(at(0, [], message)))
  const nodeAt = (path: KeyPath): Node | undefined => {
    const node = path.length === 0 ? document?.contents : document?.getIn(path, true)
    return (node as Node | null | undefined) ?? undefined
  }
  const depth = (path: KeyPath): number => {
    let steps = path.length
    while (steps > 0 && nodeAt(path.slice(0, steps)) === undefined) steps -= 1
    return steps
  }
  const problem = (path: KeyPath, message: string, atKey = false): Problem => {
    const steps = depth(path)
    const key =
      atKey && steps === path.length ? keyNode(nodeAt(path.slice(0, -1)), path.at(-1)) : undefined
    return at((key ?? nodeAt(path.slice(0, steps)))?.range?.[0] ?? 0, path, message)
  }
  return { file, value, problems, substituted, problem, depth }
}

function plain(document: Document<ParsedNode>, fail: (message: string) => void): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) ?? undefined
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause
    fail(`expected at most ${MAX_ALIASES} uses of aliases`)
    return undefined
  }
}

/** The key path of the last of `nodes`; each contains the next. */
function pathOf(nodes: readonly (Node | Document | Pair)[]): KeyPath {
  const path: (string | number)[] = []
  for (const [index, node] of nodes.entries()) {
    const next = nodes[index + 1]
    if (next === undefined) break
    if ('items' in node && !isMap(node)) path.push(node.items.indexOf(next))
    else if ('key' in node) path.push(String((node.key as Scalar | null)?.value))
  }
  return path
}

function keyNode(parent: Node | undefined, key: string | number | undefined): Node | undefined {
  if (parent === undefined || isAlias(parent) || !isMap(parent)) return undefined
  return parent.items.find((pair) => isScalar(pair.key) && pair.key.value === key)?.key as
    | Node
    | undefined
}

const SYNTAX = 'not valid YAML: '

/** Texts for the parser's most common errors. */
function wording(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key is here a second time'
    case 'TAB_AS_INDENT':
      return 'expected blanks as indentation, got a tab'
    case 'MULTIPLE_DOCS':
      return 'expected one document, got a second one after ---'
    case 'TAG_RESOLVE_FAILED':
      return 'expected a plain value, got one with a tag'
    default: {
      const first = message.split('\n', 1)[0] as string
      return `${SYNTAX}${first.charAt(0).toLowerCase()}${first.slice(1)}`
    }
  }
}

/**
 * `workers: ${W}` is valid on a separate line, but inside { } the brace after the dollar opens
 * another map.
 */
function advice(text: string, offset: number, message: string): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset + 2)
  return message.startsWith(SYNTAX) && line.includes('${')
    ? '; inside { } and [ ] put "${NAME}" in quotes'
    : ''
}
