/** Text in lines of a terminal's width. Words stay whole, so that an id can be copied. */
import { width } from './text-width.ts'

/**
 * Lines of at most `columns`, but for a word that is longer. Breaks at blanks and behind commas.
 */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of wordsOf(text)) {
    if (line !== '' && width(line + word.trimEnd()) > columns) {
      lines.push(line.trimEnd())
      line = ''
    }
    line += word
  }
  return [...lines, line.trimEnd()]
}

/** Columns of the longest part that {@link wrapped} keeps whole. */
export function longestWord(text: string): number {
  return wordsOf(text).reduce((longest, word) => Math.max(longest, width(word.trimEnd())), 0)
}

/** Each with the blanks behind it. */
function wordsOf(text: string): readonly string[] {
  return text.match(/[^\s,]*,+\s*|[^\s,]+\s*|\s+/g) ?? ['']
}
