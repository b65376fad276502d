/**
 * Makes the lines of a table. On a terminal the widest columns are wrapped between words, so that
 * the table fits. If words are too long, each row becomes a block of lines. No text is cut.
 */
import { width } from '../../shared/text-width.ts'
import { longestWord, wrapText } from '../../shared/wrap-text.ts'

export interface Table {
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** True for columns that are aligned to the right. */
  readonly right: readonly boolean[]
  readonly widths: readonly number[]
  /** True if an earlier part of the list printed the header. */
  readonly begun: boolean
}

const GUTTER = '   '

/** `columns` is the width of the terminal. It is undefined if the output is for another program. */
export function fitTable(table: Table, columns: number | undefined): string[] {
  if (columns === undefined) return linesOf(table, table.widths)
  const room = columns - GUTTER.length * (table.header.length - 1)
  const widths = narrowed(table, room)
  return widths === undefined ? blocks(table, columns) : linesOf(table, widths)
}

/** Returns widths with a sum of at most `room`. Undefined if a word doesn't fit. */
function narrowed({ header, rows, widths }: Table, room: number): readonly number[] | undefined {
  const least = header.map((title, column) =>
    rows.reduce((most, row) => Math.max(most, longestWord(row[column] ?? '')), width(title)),
  )
  const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0)
  if (sum(least) > room) return undefined
  const narrow = [...widths]
  for (let excess = sum(narrow) - room; excess > 0; excess -= 1) {
    // Takes one character from the column with the most spare room.
    const spare = narrow.map((wide, column) => wide - (least[column] ?? 0))
    const widest = spare.indexOf(Math.max(...spare))
    narrow[widest] = (narrow[widest] ?? 0) - 1
  }
  return narrow
}

function linesOf({ header, rows, right, begun }: Table, widths: readonly number[]): string[] {
  return (begun ? rows : [header, ...rows]).flatMap((row) => {
    const cells = row.map((text, column) => {
      const columns = widths[column] ?? 0
      return width(text) <= columns ? [text] : wrapText(text, columns)
    })
    const height = cells.reduce((most, lines) => Math.max(most, lines.length), 1)
    return Array.from({ length: height }, (_, line) =>
      cells
        .map((lines, column) => {
          const text = lines[line] ?? ''
          const blanks = ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(text)))
          return right[column] === true ? blanks + text : text + blanks
        })
        .join(GUTTER)
        .trimEnd(),
    )
  })
}

/** Makes a block of lines for each row. Each line begins with the header of its column. */
function blocks({ header, rows, begun }: Table, columns: number): string[] {
  const labels = Math.max(...header.map(width))
  const indent = ' '.repeat(labels + GUTTER.length)
  return rows.flatMap((row, index) => [
    ...(index > 0 || begun ? [''] : []),
    ...row.flatMap((text, column) => {
      const [first = '', ...more] = wrapText(text, columns - indent.length)
      const label = (header[column] ?? '').padEnd(indent.length)
      return [`${label}${first}`, ...more.map((line) => indent + line)]
    }),
  ])
}
