/**
 * The operator's key, for whoever signs at the command line. A pass phrase is asked for on the
 * terminal and nowhere else.
 */
import { openOperator } from '../../shared/identity/operator.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { CommandContext } from '../program/handler.ts'

/** @throws identity.* */
export function openOperatorKey(
  context: CommandContext<unknown, unknown>,
  identity: string | undefined,
): Promise<Signer> {
  return openOperator(context, {
    identity,
    env: context.env,
    signal: context.signal,
    ...(context.stdin.isTTY ? { passphrase: () => askPassphrase(context) } : {}),
  })
}

/** Longer than any pass phrase; a paste by accident ends here. */
const MAX_PASSPHRASE = 1024

/**
 * Reads a line from the terminal without showing it. What was typed behind it stays for the next
 * question. @throws the signal's reason
 */
async function askPassphrase(context: CommandContext<unknown, unknown>): Promise<string> {
  const { stdin, stderr, signal } = context
  const decoder = new TextDecoder()
  const stop = new AbortController()
  // Before the question: what somebody fast types at once must not be shown either.
  stdin.setRawMode(true)
  try {
    await stderr.write('Pass phrase of the key: ')
    // Not for await: that would end standard input with the line, and the next question would wait
    // for ever.
    return await new Promise<string>((resolve, reject) => {
      let text = ''
      const take = (chunk: Uint8Array | string): void => {
        const typed = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
        for (let at = 0; at < typed.length; at += 1) {
          const character = typed[at] as string
          if (character === '\r' || character === '\n' || character === '\u0004') {
            stdin.removeListener('data', take)
            stdin.pause()
            if (at + 1 < typed.length) stdin.unshift(Buffer.from(typed.slice(at + 1)))
            return resolve(text)
          }
          // In raw mode Ctrl-C is a key; it means the same as ever.
          if (character === '\u0003') process.kill(process.pid, 'SIGINT')
          else if (character === '\u007f') text = text.slice(0, -1)
          else if (text.length < MAX_PASSPHRASE) text += character
        }
      }
      stdin.on('data', take)
      stdin.once('end', () => resolve(text))
      stop.signal.addEventListener('abort', () => stdin.removeListener('data', take), {
        once: true,
      })
      signal.addEventListener('abort', () => reject(signal.reason), {
        once: true,
        signal: stop.signal,
      })
      if (signal.aborted) reject(signal.reason)
      stdin.resume()
    })
  } finally {
    stop.abort()
    stdin.setRawMode(false)
    stdin.pause()
    await stderr.write('\n')
  }
}
