/**
 * The short form of an id. A UUIDv7 begins with the time, which ids of the same minute share, and
 * ends with random digits. So the short form is the end. A prefix is accepted too.
 */

/** 32 random bits: among ten thousand ids, two share them with a probability of 1 %. */
const SHORT_DIGITS = 8

/** The short form in lists: the last digits of the id. */
export function shortId(id: string): string {
  return id.slice(-SHORT_DIGITS)
}

/** Whether the text is the id, a prefix or a suffix of it. */
export function matchesId(id: string, text: string): boolean {
  const wanted = text.toLowerCase()
  return id.startsWith(wanted) || id.endsWith(wanted)
}
