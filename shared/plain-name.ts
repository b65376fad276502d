/** Checks names that a user types: visible, on one line, and distinct in appearance. */

/** Control, format and unassigned characters, and the separators of lines. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/u

/** Returns the violated expectation. Undefined if the text is a valid name. */
export function plainNameFault(text: string): string | undefined {
  if (text === '') return 'a value'
  if (INVISIBLE.test(text)) return 'no control or invisible characters'
  if (text.trim() !== text) return 'no blanks around it'
  return undefined
}
