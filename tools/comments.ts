/**
 * Replaces the comments of TypeScript source by blanks and keeps the positions of all other text.
 * Strings, templates and regular expressions may contain `//`.
 */

/** After one of these, a slash begins a regular expression; otherwise it divides. */
const BEFORE_REGEX =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(?:return|typeof|case|in|of|do|else|yield|await|void))\s*$/

/** Characters that begin or end neither a comment nor a literal. */
const PLAIN = /[^'"`{}/]+/y

export function withoutComments(text: string): string {
  let result = ''
  let at = 0
  /** For each open `${`, the number of open braces inside it. */
  const templates: number[] = []
  const take = (end: number): void => {
    result += text.slice(at, end)
    at = end
  }
  const blank = (end: number): void => {
    result += text.slice(at, end).replace(/[^\n]/g, ' ')
    at = end
  }
  while (at < text.length) {
    const two = text.slice(at, at + 2)
    const one = two[0] as string
    if (two === '//') blank(endOf(text, at, /\n/))
    else if (two === '/*') blank(endOf(text, at + 2, /\*\//, true))
    else if (one === "'" || one === '"') take(endOfQuoted(text, at + 1, one))
    else if (one === '`') take(endOfTemplate(text, at + 1, templates))
    else if (one === '/' && BEFORE_REGEX.test(result.slice(-40))) take(endOfRegex(text, at + 1))
    else if (one === '}' && templates.at(-1) === 0) {
      templates.pop()
      take(endOfTemplate(text, at + 1, templates))
    } else if (!/[{}/]/.test(one)) {
      PLAIN.lastIndex = at
      PLAIN.test(text)
      take(PLAIN.lastIndex)
    } else {
      if (templates.length > 0 && one === '{')
        templates[templates.length - 1] = templates.at(-1) + 1
      if (templates.length > 0 && one === '}')
        templates[templates.length - 1] = templates.at(-1) - 1
      take(at + 1)
    }
  }
  return result
}

function endOf(text: string, from: number, pattern: RegExp, inclusive = false): number {
  const match = pattern.exec(text.slice(from))
  return match === null ? text.length : from + match.index + (inclusive ? match[0].length : 0)
}

function endOfQuoted(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === quote || text[at] === '\n') return at + 1
  }
  return text.length
}

/** The position after the closing backtick, or after a `${`, which is pushed to `templates`. */
function endOfTemplate(text: string, from: number, templates: number[]): number {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '`') return at + 1
    else if (text[at] === '$' && text[at + 1] === '{') {
      templates.push(0)
      return at + 2
    }
  }
  return text.length
}

function endOfRegex(text: string, from: number): number {
  let inClass = false
  for (let at = from; at < text.length; at += 1) {
    const character = text[at]
    if (character === '\\') at += 1
    else if (character === '[') inClass = true
    else if (character === ']') inClass = false
    else if (character === '\n' || (character === '/' && !inClass)) return at + 1
  }
  return text.length
}
