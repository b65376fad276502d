/**
 * Formats results for -o. Tables have upper-case headers, three blanks between columns and no
 * borders, so that cut and grep work. JSON and YAML contain the whole value. `name` prints one id
 * on each line, for other commands. On a terminal a table fits the width.
 */
import type { OutputFormat } from './format.ts'
import { printable } from './sink.ts'
import { fitTable } from './fit-table.ts'
import { shownTime, type TimeStyle } from './shown-time.ts'
import { width } from '../../shared/text-width.ts'
import { wrapText } from '../../shared/wrap-text.ts'

/** The terminal of a result. Undefined if the output is for another program. */
export interface Screen {
  readonly columns: number
  /** Milliseconds since the epoch, for times that are shown as "3m ago". */
  readonly now: number
}

export interface Column<Row> {
  readonly header: string
  /** The cell; undefined and '' are printed as `-`. */
  readonly value: (row: Row) => string | number | undefined
  /** True if only -o wide shows the column. */
  readonly wide?: true
  readonly align?: 'right'
  /** True if a terminal gets absolute times too. A list of events needs them. */
  readonly absolute?: true
}

export interface ListResult<Row> {
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  /** The output of `-o name` for a row. */
  readonly name: (row: Row) => string
  /** The value of a row in JSON and YAML. Default: the row itself. */
  readonly json?: (row: Row) => unknown
  /**
   * The widths of the columns so far, for a list that is printed in parts. Only the first part
   * prints the header.
   */
  readonly widths?: number[]
  /** Replaces the table by one line for each row, which scripts can use directly. */
  readonly line?: (row: Row) => string
}

export interface ValueResult {
  /** The value in JSON and YAML. */
  readonly value: unknown
  /** Label and text for people. A text may have several lines. */
  readonly fields: readonly (readonly [
    label: string,
    text: string | number | undefined,
    wide?: true,
  ])[]
  /** The output of `-o name`. */
  readonly name: string
  /** Replaces the fields by this line, which scripts can use directly. */
  readonly line?: string
}

/** Formats a list. The text ends with a newline unless it is empty. */
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

/** Formats one value. */
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

/** Characters that a terminal obeys and that JSON and YAML don't escape. */
const INVISIBLE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

async function formatValue(format: 'json' | 'yaml', value: unknown): Promise<string> {
  if (format === 'json')
    return `${JSON.stringify(value, undefined, 2).replace(INVISIBLE, printable)}\n`
  const { Document, Scalar, visit } = await import('yaml')
  const document = new Document(value, { aliasDuplicateObjects: false })
  visit(document, {
    Scalar: (_, scalar) => {
      // YAML supports \u only between double quotes.
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
      (widest, row) => Math.max(widest, width(row[column] ?? '')),
      known[column] ?? width(title),
    ),
  )
  known.splice(0, known.length, ...widths)
  return lines(fitTable({ header, rows, right, widths, begun }, screen?.columns))
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('')
}
