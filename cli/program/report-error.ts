/**
 * Prints the error of a command: `muster: error: …` and `muster: hint: …` on stderr, or one JSON
 * object with -o json. It prints stacks only with -v, and always masks secrets.
 */
import { cliError } from '../terminal/errors.ts'
import { defined } from '../../shared/defined.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import { MusterError } from '../../shared/errors.ts'
import type { Redactor } from '../../shared/redact.ts'
import { printable, type Sink } from '../terminal/sink.ts'

/** The maximum number of causes. A longer chain is a loop. */
const MAX_CAUSES = 8

/** Prints the error and returns its exit code. Never throws. */
export async function reportError(
  error: unknown,
  deps: { stderr: Sink; redactor: Redactor },
  options: { json: boolean; verbose: boolean },
): Promise<number> {
  const known = error instanceof MusterError ? error : undefined
  const exit = known === undefined ? EXIT.failed : EXIT[known.exit]
  // The reader closed the output on purpose.
  if (cliError.is(error, 'cli.output-closed')) return exit
  const message =
    known?.message ?? `internal error: ${error instanceof Error ? error.message : String(error)}`
  const hint =
    known === undefined
      ? 'this is a bug in Muster: please report it with the output of -v'
      : known.hint
  const text = options.json
    ? jsonLine(defined({ type: 'error', code: known?.code ?? 'internal', exit, message, hint }))
    : paint(deps.stderr, 'red', 'error', message) +
      (hint === undefined ? '' : paint(deps.stderr, 'cyan', 'hint', hint))
  const detail = options.verbose && !options.json ? causes(error) : ''
  await deps.stderr.write(deps.redactor.text(text + detail)).catch(() => undefined)
  return exit
}

const jsonLine = (value: object): string => `${JSON.stringify(value)}\n`

function paint(stderr: Sink, color: 'red' | 'cyan', word: string, text: string): string {
  // Further lines, such as the problems of a configuration, are indented.
  return `muster: ${stderr.style(color, `${word}:`)} ${text.split('\n').map(shown).join('\n  ')}\n`
}

/** The maximum length of a line. A value from the user may be a whole file. */
const MAX_LINE = 2_000
const LINE_END = 200

/** Makes a line printable. Leaves out the middle of a very long line. */
function shown(line: string): string {
  if (line.length <= MAX_LINE) return printable(line)
  const [start, end] = [line.slice(0, MAX_LINE - LINE_END), line.slice(-LINE_END)]
  return printable(`${start.toWellFormed()} … ${end.toWellFormed()}`)
}

/** Returns the causes. The innermost one is last, and unexpected errors have stacks. */
function causes(error: unknown): string {
  const lines: string[] = []
  let at = error
  for (let depth = 0; at instanceof Error && depth < MAX_CAUSES; depth += 1) {
    const stack = at instanceof MusterError ? `${at.code}: ${at.message}` : (at.stack ?? at.message)
    lines.push(...stack.split('\n').map((line) => `  ${printable(line)}`))
    at = at.cause
    if (at !== undefined) lines.push('  caused by:')
  }
  if (at !== undefined && !(at instanceof Error)) lines.push(`  ${printable(String(at))}`)
  return lines.map((line) => `${line}\n`).join('')
}
