/**
 * The lines of a table. On a terminal they fit its width: the widest columns are wrapped between
 * words, and where words are too long for that, each row becomes a block of lines. Nothing is cut
 * off.
 */
import { width } from '../../shared/text-width.ts'
import { longestWord, wrapText } from '../../shared/wrap-text.ts'

export interface Table {
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Columns whose text ends at the right. */
  readonly right: readonly boolean[]
  readonly widths: readonly number[]
  /** The header was printed with an earlier part of the same list. */
  readonly begun: boolean
}

const GUTTER = '   '

/** `columns` is the width of the terminal; undefined where the table is for another program. */
export function fitTable(table: Table, columns: number | undefined): string[] {
  if (columns === undefined) return linesOf(table, table.widths)
  const room = columns - GUTTER.length * (table.header.length - 1)
  const widths = narrowed(table, room)
  return widths === undefined ? blocks(table, columns) : linesOf(table, widths)
}

/** Widths that add up to `room` at most; undefined where a word would have to be broken. */
function narrowed({ header, rows, widths }: Table, room: number): readonly number[] | undefined {
  const least = header.map((title, column) =>
    rows.reduce((most, row) => Math.max(most, longestWord(row[column] as string)), width(title)),
  )
  const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0)
  if (sum(least) > room) return undefined
  const narrow = [...widths]
  for (let excess = sum(narrow) - room; excess > 0; excess -= 1) {
    // One column of the terminal at a time, from the column with the most to spare.
    const spare = narrow.map((wide, column) => wide - (least[column] as number))
    const widest = spare.indexOf(Math.max(...spare))
    narrow[widest] = (narrow[widest] as number) - 1
  }
  return narrow
}

function linesOf({ header, rows, right, begun }: Table, widths: readonly number[]): string[] {
  return (begun ? rows : [header, ...rows]).flatMap((row) => {
    const cells = row.map((text, column) =>
      width(text) <= (widths[column] as number) ? [text] : wrapText(text, widths[column] as number),
    )
    const height = cells.reduce((most, lines) => Math.max(most, lines.length), 1)
    return Array.from({ length: height }, (_, line) =>
      cells
        .map((lines, column) => {
          const text = lines[line] ?? ''
          const blanks = ' '.repeat(Math.max(0, (widths[column] as number) - width(text)))
          return right[column] === true ? blanks + text : text + blanks
        })
        .join(GUTTER)
        .trimEnd(),
    )
  })
}

/** A block of lines for each row, with the header's words in front. */
function blocks({ header, rows, begun }: Table, columns: number): string[] {
  const labels = Math.max(...header.map(width))
  const indent = ' '.repeat(labels + GUTTER.length)
  return rows.flatMap((row, index) => [
    ...(index > 0 || begun ? [''] : []),
    ...row.flatMap((text, column) => {
      const [first = '', ...more] = wrapText(text, columns - indent.length)
      const label = (header[column] as string).padEnd(indent.length)
      return [`${label}${first}`, ...more.map((line) => indent + line)]
    }),
  ])
}
