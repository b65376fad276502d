/** How a person names a run, and how a run is named where a text means several. */

/** Fewer digits match too much to be meant. */
const RUN_TEXT = /^[0-9a-f-]{4,36}$/
/** Characters of a command in a list of candidates. */
const SHOWN_COMMAND = 60

/** Whether a text can be a run id, or the beginning or end of one. */
export function isRunText(text: string): boolean {
  return RUN_TEXT.test(text)
}

/** One of several runs that a text means. */
export function candidateLine(run: {
  readonly run: string
  readonly host: string
  readonly command: readonly string[]
  readonly status: string
}): string {
  const command = run.command.join(' ')
  const shown =
    command.length > SHOWN_COMMAND ? `${command.slice(0, SHOWN_COMMAND).toWellFormed()}…` : command
  return `${run.run}   ${run.host}   ${run.status}   ${shown}`
}
