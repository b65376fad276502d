/** Wraps text to a terminal's width. Words stay whole, so that an id can be copied. */
import { width } from './text-width.ts'

/**
 * Returns lines of at most `columns`. Only a longer word exceeds this. Lines end at blanks and
 * after commas.
 */
export function wrapText(text: string, columns: number): string[] {
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

/** Returns the number of columns of the longest part that {@link wrapText} doesn't break. */
export function longestWord(text: string): number {
  return wordsOf(text).reduce((longest, word) => Math.max(longest, width(word.trimEnd())), 0)
}

/** Returns the words, each with the blanks after it. */
function wordsOf(text: string): readonly string[] {
  return text.match(/[^\s,]*,+\s*|[^\s,]+\s*|\s+/g) ?? ['']
}
