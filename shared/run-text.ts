/** Text by which an operator selects a run, and the list of candidates if it is ambiguous. */

/** Fewer digits match too many runs. */
const RUN_TEXT = /^[0-9a-f-]{4,36}$/
/** The longest part of a command that a list of candidates shows. */
const SHOWN_COMMAND = 60

/** Whether the text can be a run id, or the prefix or suffix of one. */
export function isRunText(text: string): boolean {
  return RUN_TEXT.test(text)
}

/** One line in the list of runs that an ambiguous text matches. */
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
