/**
 * The first line of standard input: how a ticket or a token reaches a command without standing in a
 * process list or a shell's history.
 */
import { addAbortSignal } from 'node:stream'
import type { CommandContext } from '../context.ts'

/** A ticket with sixteen addresses is a fraction of this. */
const MAX_LINE_CHARACTERS = 65_536

/**
 * Without blanks and line ends around it; what is longer than any ticket is cut, and is none.
 * @throws the signal's reason
 */
export async function readLine(
  context: CommandContext<unknown, unknown>,
  what: string,
): Promise<string> {
  if (context.stdin.isTTY) await context.note(`paste the ${what}, then Enter`)
  let text = ''
  try {
    for await (const chunk of addAbortSignal(context.signal, context.stdin)) {
      text += String(chunk)
      if (text.trimStart().includes('\n') || text.length > MAX_LINE_CHARACTERS) break
    }
  } catch (error) {
    context.signal.throwIfAborted()
    throw error
  }
  return (text.trimStart().split('\n', 1)[0] as string).trimEnd()
}
