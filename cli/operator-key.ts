/** The operator's key, for whoever signs at the command line. A pass phrase is asked for on the terminal and nowhere else. */
import { openOperator } from '../shared/identity/operator.ts'
import type { Signer } from '../shared/identity/signer.ts'
import type { CommandContext } from './context.ts'

/** @throws identity.* */
export function openOperatorKey(context: CommandContext<unknown, unknown>, identity: string | undefined): Promise<Signer> {
  return openOperator(context, {
    identity,
    env: context.env,
    signal: context.signal,
    ...(context.stdin.isTTY ? { passphrase: () => askPassphrase(context) } : {}),
  })
}

/** Longer than any pass phrase; a paste by accident ends here. */
const MAX_PASSPHRASE = 1024

/** Reads a line from the terminal without showing it. */
async function askPassphrase(context: CommandContext<unknown, unknown>): Promise<string> {
  const { stdin, stderr } = context
  await stderr.write('Pass phrase of the key: ')
  stdin.setRawMode(true)
  stdin.resume()
  try {
    let text = ''
    for await (const chunk of stdin) {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n') return text
        if (character === '\u0003') {
          process.kill(process.pid, 'SIGINT')
          context.signal.throwIfAborted()
        } else if (character === '\u007f') text = text.slice(0, -1)
        else if (text.length < MAX_PASSPHRASE) text += character
      }
    }
    return text
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    await stderr.write('\n')
  }
}
