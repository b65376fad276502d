/**
 * The first line of standard input: how a ticket or a token reaches a command without standing in a
 * process list or a shell's history.
 */
import { addAbortSignal } from 'node:stream'

/** A ticket with sixteen addresses is a fraction of this. */
const MAX_LINE_CHARACTERS = 65_536

interface ReadLineDeps {
  readonly stdin: NodeJS.ReadStream
  readonly signal: AbortSignal
  note(text: string): Promise<void>
}

/**
 * Without blanks and line ends around it; what is longer than any ticket is cut, and is none.
 * @throws the signal's reason
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
  return (text.trimStart().split('\n', 1)[0] as string).trimEnd()
}
