/**
 * Results in the five forms of -o. Tables have upper-case headers and gutters of three blanks and no borders, so that they can be cut and
 * searched; JSON and YAML carry the whole value; `name` prints one id a line, for other commands.
 */
import type { OutputFormat } from './global-flags.ts'
import { printable } from './sink.ts'

export interface Column<Row> {
  readonly header: string
  /** The cell; undefined and '' are printed as `-`. */
  readonly value: (row: Row) => string | number | undefined
  /** Only with -o wide. */
  readonly wide?: true
  readonly align?: 'right'
}

export interface ListResult<Row> {
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  /** What `-o name` prints for a row. */
  readonly name: (row: Row) => string
  /** What JSON and YAML say of a row; default: the row itself. */
  readonly json?: (row: Row) => unknown
  /** The columns' widths so far, of a list that comes in parts: the first part prints the header, and all of them stand below it. */
  readonly widths?: number[]
  /** People read a line for each row instead of a table: what a script takes as it is. */
  readonly line?: (row: Row) => string
}

export interface ValueResult {
  /** What JSON and YAML say. */
  readonly value: unknown
  /** What people read: label and text. Several lines of text are allowed. */
  readonly fields: readonly (readonly [
    label: string,
    text: string | number | undefined,
    wide?: true,
  ])[]
  /** What `-o name` prints. */
  readonly name: string
  /** People read this line instead of the fields: what a script takes as it is. */
  readonly line?: string
}

/** The text of a list in one form, ending in a newline unless it is empty. */
export async function formatList<Row>(
  format: OutputFormat,
  result: ListResult<Row>,
): Promise<string> {
  const values = (): unknown[] =>
    result.rows.map((row) => (result.json === undefined ? row : result.json(row)))
  if (format === 'json' || format === 'yaml') return formatValue(format, values())
  if (format === 'name') return lines(result.rows.map((row) => printable(result.name(row))))
  const { line } = result
  if (line !== undefined) return lines(result.rows.map((row) => printable(line(row))))
  const columns = result.columns.filter((column) => format === 'wide' || column.wide !== true)
  if (result.rows.length === 0) return ''
  return table(
    columns.map((column) => column.header.toUpperCase()),
    result.rows.map((row) => columns.map((column) => cell(column.value(row)))),
    columns.map((column) => column.align === 'right'),
    result.widths,
  )
}

/** The text of one value in one form. */
export async function formatOne(format: OutputFormat, result: ValueResult): Promise<string> {
  if (format === 'json' || format === 'yaml') return formatValue(format, result.value)
  if (format === 'name') return lines([printable(result.name)])
  if (result.line !== undefined) return lines([printable(result.line)])
  const shown = result.fields.filter(([, , wide]) => format === 'wide' || wide !== true)
  const width = Math.max(0, ...shown.map(([label]) => label.length))
  const indent = `\n${' '.repeat(width + 3)}`
  return lines(
    shown.map(
      ([label, text]) =>
        `${label.padEnd(width)}   ${String(text ?? '-')
          .split('\n')
          .map(cell)
          .join(indent)}`,
    ),
  )
}

/** What JSON and YAML would let through and a terminal obeys. */
const INVISIBLE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

async function formatValue(format: 'json' | 'yaml', value: unknown): Promise<string> {
  if (format === 'json')
    return `${JSON.stringify(value, undefined, 2).replace(INVISIBLE, printable)}\n`
  const { Document, Scalar, visit } = await import('yaml')
  const document = new Document(value, { aliasDuplicateObjects: false })
  visit(document, {
    Scalar: (_, scalar) => {
      // Only between double quotes does \u mean anything in YAML.
      if (typeof scalar.value === 'string' && scalar.value.search(INVISIBLE) >= 0)
        scalar.type = Scalar.QUOTE_DOUBLE
    },
  })
  return document.toString({ lineWidth: 0 }).replace(INVISIBLE, printable)
}

function cell(value: string | number | undefined): string {
  return value === undefined || value === '' ? '-' : printable(String(value))
}

function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly boolean[],
  known: number[] = [],
): string {
  const begun = known.length > 0
  const widths = header.map((title, column) =>
    rows.reduce(
      (widest, row) => Math.max(widest, width(row[column] as string)),
      known[column] ?? width(title),
    ),
  )
  known.splice(0, known.length, ...widths)
  const pad = (text: string, column: number): string => {
    const blanks = ' '.repeat((widths[column] as number) - width(text))
    return right[column] === true ? blanks + text : text + blanks
  }
  return lines((begun ? rows : [header, ...rows]).map((row) => row.map(pad).join('   ').trimEnd()))
}

/** Terminal columns of a text, near enough: wide East Asian characters and emoji take two, marks that sit on another character none. */
function width(text: string): number {
  let columns = 0
  for (const character of text)
    if (!/[\p{Mn}\p{Me}\p{Cf}]/u.test(character))
      columns +=
        /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(
          character,
        )
          ? 2
          : 1
  return columns
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}
