/**
 * Reads the first line of standard input. A ticket or token that is passed this way appears neither
 * in the process list nor in the history of a shell.
 */
import { addAbortSignal } from 'node:stream'

/** Much longer than a ticket with sixteen addresses. */
const MAX_LINE_CHARACTERS = 65_536

interface ReadLineDeps {
  readonly stdin: NodeJS.ReadStream
  readonly signal: AbortSignal
  note(text: string): Promise<void>
}

/**
 * Returns the line without white space around it. A line that is longer than any ticket is cut, and
 * its parser rejects it. @throws the signal's reason
 */
export async function readLine(deps: ReadLineDeps, what: string): Promise<string> {
  if (deps.stdin.isTTY) await deps.note(`paste the ${what}, then Enter`)
  let text = ''
  try {
    for await (const chunk of addAbortSignal(deps.signal, deps.stdin)) {
      text += String(chunk)
      if (text.trimStart().includes('\n') || text.length > MAX_LINE_CHARACTERS) break
    }
  } catch (error) {
    deps.signal.throwIfAborted()
    throw error
  }
  return text.trimStart().replace(/\n.*/s, '').trimEnd()
}
