/**
 * Makes the short form of an id. A UUIDv7 begins with the time, which ids of the same minute share,
 * and ends with random digits. So the short form is the end. A prefix is accepted too.
 */

/**
 * The short form has 32 random bits. Among ten thousand ids, two have the same ones with a
 * probability of 1 %.
 */
const SHORT_DIGITS = 8

/** Returns the short form in lists: the last digits of the id. */
export function shortId(id: string): string {
  return id.slice(-SHORT_DIGITS)
}

/** Returns whether the text is the id, a prefix or a suffix of it. */
export function matchesId(id: string, text: string): boolean {
  const wanted = text.toLowerCase()
  return id.startsWith(wanted) || id.endsWith(wanted)
}
