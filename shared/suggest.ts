/** Finds the known word that is most similar to a mistyped one. */

/**
 * The maximum length of a word. It limits the size of the table, and longer words aren't typing
 * mistakes.
 */
const MAX_WORD = 64

/**
 * Returns the candidate that is most similar to `word`. It has at most two edits, and at most a
 * third of the word's length. Undefined if there is none.
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > MAX_WORD) return undefined
  let best: string | undefined
  let bestDistance = Math.min(2, Math.ceil(word.length / 3)) + 1
  for (const candidate of candidates) {
    if (candidate.length > MAX_WORD) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/**
 * Computes the optimal string alignment distance. Insertions, deletions, substitutions and swaps of
 * neighbours each count 1.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
