/**
 * Allows each part of the program a number of findings of a rule. The numbers may only become
 * smaller. The longest path applies. Files outside of all parts may have no findings.
 */
export interface Comparison {
  /** The findings above the numbers. */
  readonly wrong: string[]
  /** The numbers that can be lowered. */
  readonly lower: string[]
}

/** Each finding is `path:line: problem`. A part is a folder that ends with `/`, or a file. */
export function compare(
  findings: readonly string[],
  left: Readonly<Record<string, number>>,
): Comparison {
  const parts = Object.keys(left).sort((a, b) => b.length - a.length)
  const byPart = Map.groupBy(findings, (finding) =>
    parts.find((part) => finding.startsWith(part.endsWith('/') ? part : `${part}:`)),
  )
  const wrong = [...(byPart.get(undefined) ?? [])]
  const lower: string[] = []
  for (const part of parts) {
    const found = byPart.get(part) ?? []
    const allowed = left[part] as number
    if (found.length > allowed)
      wrong.push(`${part}: expected at most ${allowed}, got ${found.length}`, ...found)
    if (found.length < allowed) lower.push(`lower ${part} from ${allowed} to ${found.length}`)
  }
  return { wrong, lower }
}
