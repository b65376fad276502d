/**
 * Checks the text by which an operator selects a run, and formats the candidates of an ambiguous
 * text.
 */

/** The minimum number of digits. Fewer digits match too many runs. */
const RUN_TEXT = /^[0-9a-f-]{4,36}$/
/** The maximum length of a command in a list of candidates. */
const SHOWN_COMMAND = 60

/** Returns whether the text can be a run id, or the prefix or suffix of one. */
export function isRunText(text: string): boolean {
  return RUN_TEXT.test(text)
}

/** Formats one line in the list of runs that an ambiguous text matches. */
export function candidateLine(run: {
  readonly run: string
  readonly host: string
  readonly command: readonly string[]
  readonly status: string
}): string {
  const text = run.command.join(' ')
  const command =
    text.length > SHOWN_COMMAND ? `${text.slice(0, SHOWN_COMMAND).toWellFormed()}…` : text
  return `${run.run}   ${run.host}   ${run.status}   ${command}`
}
