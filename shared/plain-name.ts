/** Text that a person types as a name: visible, on one line, and equal to no other by its looks. */

/** Control, format and unassigned characters, and the separators of lines. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/u

/** What a name is expected to be, or undefined where the text is one. */
export function plainNameFault(text: string): string | undefined {
  if (text === '') return 'a value'
  if (INVISIBLE.test(text)) return 'no control or invisible characters'
  if (text.trim() !== text) return 'no blanks around it'
  return undefined
}
