/**
 * Results in the five forms of -o. Tables have upper-case headers and gutters of three blanks and
 * no borders, so that they can be cut and searched; JSON and YAML carry the whole value; `name`
 * prints one id a line, for other commands. On a terminal a table fits its width.
 */
import type { OutputFormat } from './format.ts'
import { printable } from './sink.ts'
import { fitTable } from './fit-table.ts'
import { shownTime, type TimeStyle } from './shown-time.ts'
import { width } from '../../shared/text-width.ts'
import { wrapText } from '../../shared/wrap-text.ts'

/** The terminal that a result is printed on. Without one it is printed for another program. */
export interface Screen {
  readonly columns: number
  /** Milliseconds since the epoch, for times that are shown as "3m ago". */
  readonly now: number
}

export interface Column<Row> {
  readonly header: string
  /** The cell; undefined and '' are printed as `-`. */
  readonly value: (row: Row) => string | number | undefined
  /** Only with -o wide. */
  readonly wide?: true
  readonly align?: 'right'
  /** Times stay absolute on a terminal: in a list of events their order and distance matter. */
  readonly absolute?: true
}

export interface ListResult<Row> {
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  /** What `-o name` prints for a row. */
  readonly name: (row: Row) => string
  /** What JSON and YAML say of a row; default: the row itself. */
  readonly json?: (row: Row) => unknown
  /**
   * The columns' widths so far, of a list that comes in parts: the first part prints the header,
   * and all of them stand below it.
   */
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
  screen?: Screen,
): Promise<string> {
  const values = (): unknown[] =>
    result.rows.map((row) => (result.json === undefined ? row : result.json(row)))
  if (format === 'json' || format === 'yaml') return formatValue(format, values())
  if (format === 'name') return lines(result.rows.map((row) => printable(result.name(row))))
  const { line } = result
  if (line !== undefined) return lines(result.rows.map((row) => printable(line(row))))
  const columns = result.columns.filter((column) => format === 'wide' || column.wide !== true)
  if (result.rows.length === 0) return ''
  const styles = columns.map((column) => timeStyle(format, screen, column.absolute === true))
  return table(
    columns.map((column) => column.header.toUpperCase()),
    result.rows.map((row) =>
      columns.map((column, index) => cell(column.value(row), screen, styles[index])),
    ),
    columns.map((column) => column.align === 'right'),
    { known: result.widths ?? [], screen },
  )
}

function timeStyle(format: OutputFormat, screen: Screen | undefined, absolute: boolean): TimeStyle {
  return screen === undefined || format === 'wide' || absolute ? 'absolute' : 'relative'
}

/** The text of one value in one form. */
export async function formatOne(
  format: OutputFormat,
  result: ValueResult,
  screen?: Screen,
): Promise<string> {
  if (format === 'json' || format === 'yaml') return formatValue(format, result.value)
  if (format === 'name') return lines([printable(result.name)])
  if (result.line !== undefined) return lines([printable(result.line)])
  const shown = result.fields.filter(([, , wide]) => format === 'wide' || wide !== true)
  const labels = Math.max(0, ...shown.map(([label]) => label.length))
  const indent = ' '.repeat(labels + 3)
  const style = screen === undefined || format === 'wide' ? 'absolute' : 'both'
  const columns = screen === undefined ? Number.POSITIVE_INFINITY : screen.columns - indent.length
  return lines(
    shown.map(([label, text]) => {
      const parts = String(text ?? '-')
        .split('\n')
        .flatMap((part) => wrapText(cell(part, screen, style), columns))
      return `${label.padEnd(labels)}   ${parts.join(`\n${indent}`)}`
    }),
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

function cell(
  value: string | number | undefined,
  screen?: Screen,
  style: TimeStyle = 'absolute',
): string {
  if (value === undefined || value === '') return '-'
  return printable(shownTime(String(value), style, screen?.now ?? 0))
}

function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly boolean[],
  { known, screen }: { known: number[]; screen: Screen | undefined },
): string {
  const begun = known.length > 0
  const widths = header.map((title, column) =>
    rows.reduce(
      (widest, row) => Math.max(widest, width(row[column] as string)),
      known[column] ?? width(title),
    ),
  )
  known.splice(0, known.length, ...widths)
  return lines(fitTable({ header, rows, right, widths, begun }, screen?.columns))
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}
