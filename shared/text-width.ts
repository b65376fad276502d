/** Computes the number of terminal columns of a text, and cuts a text to a number of columns. */

const ASCII = /^[ -~]*$/
const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}]/u
const TWO_COLUMNS =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** An approximation: East Asian characters and emoji count 2, combining marks 0. */
export function width(text: string): number {
  if (ASCII.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += widthOf(character)
  return columns
}

function widthOf(character: string): number {
  if (NO_COLUMN.test(character)) return 0
  return TWO_COLUMNS.test(character) ? 2 : 1
}

/** Returns the text, or its beginning and `…` if it is too long. */
export function clipText(text: string, columns: number): string {
  if (width(text) <= columns) return text
  let shown = ''
  let used = 1
  for (const character of text) {
    used += widthOf(character)
    if (used > columns) break
    shown += character
  }
  return columns < 1 ? '' : `${shown}…`
}
