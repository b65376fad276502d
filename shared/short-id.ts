/**
 * The short form of an id. Ids are UUIDv7: their beginning is the time, which ids of the same
 * minute share, and their end is random. So the short form is the end; a beginning is accepted too.
 */

/** 32 random bits: two of ten thousand ids share them in one case of a hundred. */
const SHORT_DIGITS = 8

/** The short form that lists show: the last digits of the id. */
export function shortId(id: string): string {
  return id.slice(-SHORT_DIGITS)
}

/** Whether the text is the id, or its beginning or end. */
export function meansId(id: string, text: string): boolean {
  const wanted = text.toLowerCase()
  return id.startsWith(wanted) || id.endsWith(wanted)
}
