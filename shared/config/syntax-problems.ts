/** Converts the syntax errors of the YAML parser to Muster's messages. */
import type { Document } from 'yaml'

export interface SyntaxProblem {
  readonly offset: number
  readonly text: string
}

/**
 * Returns all problems of a parsed document. After the first syntax error, the parser guesses. So
 * its other syntax errors are left out.
 */
export function syntaxProblems(
  { errors, warnings }: Pick<Document, 'errors' | 'warnings'>,
  text: string,
): SyntaxProblem[] {
  const problems: SyntaxProblem[] = []
  let isBroken = false
  for (const error of [...errors, ...warnings]) {
    const message = wording(error.code, error.message)
    const isSyntax = message.startsWith(SYNTAX)
    if (isSyntax && isBroken) continue
    isBroken ||= isSyntax
    const [offset] = error.pos
    problems.push({ offset, text: message + advice(text, offset, message) })
  }
  return problems
}

const SYNTAX = 'not valid YAML: '

/** Returns the message for the parser's most common errors. */
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
      const [first = ''] = message.split('\n', 1)
      return `${SYNTAX}${first.charAt(0).toLowerCase()}${first.slice(1)}`
    }
  }
}

/**
 * Returns advice for a variable inside { }. `workers: ${W}` is valid on a separate line, but there
 * the brace after the dollar opens another map.
 */
function advice(text: string, offset: number, message: string): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset + 2)
  return message.startsWith(SYNTAX) && line.includes('${')
    ? '; inside { } and [ ] put "${NAME}" in quotes'
    : ''
}
