/**
 * The last words of a command that failed: `muster: error: …` and `muster: hint: …` on stderr, or
 * one JSON object with -o json. No stack unless -v; no secret ever, in causes either.
 */
import { cliError } from '../terminal/errors.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import { MusterError } from '../../shared/errors.ts'
import type { Redactor } from '../../shared/redact.ts'
import { printable, type Sink } from '../terminal/sink.ts'

/** A chain of causes longer than this is a loop. */
const MAX_CAUSES = 8

/** Prints what happened and returns the exit code for it. Never throws. */
export async function reportError(
  error: unknown,
  deps: { stderr: Sink; redactor: Redactor },
  options: { json: boolean; verbose: boolean },
): Promise<number> {
  const known = error instanceof MusterError ? error : undefined
  const exit = known === undefined ? EXIT.failed : EXIT[known.exit]
  // Whoever closed our output or pressed Ctrl-C knows.
  if (cliError.is(error, 'cli.output-closed')) return exit
  const message =
    known?.message ?? `internal error: ${error instanceof Error ? error.message : String(error)}`
  const hint =
    known === undefined
      ? 'this is a defect of Muster: please report it with what -v prints'
      : known.hint
  const text = options.json
    ? `${JSON.stringify({ type: 'error', code: known?.code ?? 'internal', exit, message, ...(hint === undefined ? {} : { hint }) })}\n`
    : `${paint(deps.stderr, 'red', 'error', message)}${hint === undefined ? '' : paint(deps.stderr, 'cyan', 'hint', hint)}`
  const detail = options.verbose && !options.json ? causes(error) : ''
  await deps.stderr.write(deps.redactor.text(text + detail)).catch(() => undefined)
  return exit
}

function paint(stderr: Sink, color: 'red' | 'cyan', word: string, text: string): string {
  // Further lines (the problems of a configuration) stand below, indented.
  return `muster: ${stderr.style(color, `${word}:`)} ${text.split('\n').map(shown).join('\n  ')}\n`
}

/** Nobody reads more of a line; a person may have passed a whole file as a value. */
const MAX_LINE = 2_000
const LINE_END = 200

/** A line as a terminal shows it, its middle left out where it is very long. */
function shown(line: string): string {
  if (line.length <= MAX_LINE) return printable(line)
  const [start, end] = [line.slice(0, MAX_LINE - LINE_END), line.slice(-LINE_END)]
  return printable(`${start.toWellFormed()} … ${end.toWellFormed()}`)
}

/** What led to it, innermost last, with the stacks of what was not expected. */
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
