/** Opens the operator's key. Only a terminal can ask for a pass phrase. */
import { defined } from '../../shared/defined.ts'
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
    ...defined({ passphrase: context.stdin.isTTY ? () => askPassphrase(context) : undefined }),
  })
}

/**
 * The maximum length of the input. It is longer than any pass phrase and limits an accidental
 * paste.
 */
const MAX_PASSPHRASE = 1024

/**
 * Reads a line from the terminal without echo. Further input stays for the next question.
 * @throws the signal's reason
 */
async function askPassphrase(context: CommandContext<unknown, unknown>): Promise<string> {
  const { stdin, stderr, signal } = context
  const decoder = new TextDecoder()
  const stop = new AbortController()
  // Raw mode begins before the prompt, so that early keys are not shown.
  stdin.setRawMode(true)
  try {
    await stderr.write('Pass phrase of the key: ')
    // `for await` would close standard input, and then the next prompt would wait forever.
    return await new Promise<string>((resolve, reject) => {
      let text = ''
      const take = (chunk: Uint8Array | string): void => {
        const typed = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
        const end = typed.search(LINE_END)
        for (const key of end < 0 ? typed : typed.slice(0, end)) text = typeKey(text, key)
        if (end < 0) return
        stdin.removeListener('data', take)
        stdin.pause()
        const rest = typed.slice(end + 1)
        if (rest !== '') stdin.unshift(Buffer.from(rest))
        resolve(text)
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

/** Return, newline, Ctrl-D. */
const LINE_END = /[\r\n\u0004]/

/** Returns the text after a key: a character, backspace, or Ctrl-C, which is a key in raw mode. */
function typeKey(text: string, key: string): string {
  if (key === '\u0003') process.kill(process.pid, 'SIGINT')
  if (key === '\u0003' || (key !== '\u007f' && text.length >= MAX_PASSPHRASE)) return text
  return key === '\u007f' ? text.slice(0, -1) : text + key
}
