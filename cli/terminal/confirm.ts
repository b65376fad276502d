/** Asks for confirmation of a destructive action. It fails without a terminal. */
import { createInterface } from 'node:readline/promises'
import { cliError } from './errors.ts'

export interface ConfirmOptions {
  /** Completes "this …": `deletes 4211 blobs (38 GiB)`. */
  readonly action: string
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  readonly signal: AbortSignal
}

/** Resolves after a yes. @throws cli.not-confirmed, cli.declined, or the signal's reason */
export async function confirm({ action, input, output, signal }: ConfirmOptions): Promise<void> {
  if (!input.isTTY || !output.isTTY) throw cliError('cli.not-confirmed', { action })
  // The terminal edits the line and sends Ctrl-C, so only text is written to it.
  const prompt = createInterface({ input, output, terminal: false })
  try {
    const answer = await new Promise<string | undefined>((resolve, reject) => {
      // Ctrl-D ended the input.
      prompt.once('close', () => resolve(undefined))
      prompt.question(`This ${action}. Go on? [y/N] `, { signal }).then(resolve, reject)
    })
    if (answer === undefined) output.write('\n')
    if (!/^y(es)?$/i.test(answer?.trim() ?? '')) throw cliError('cli.declined', { action })
  } catch (error) {
    if (signal.aborted) output.write('\n')
    signal.throwIfAborted()
    throw error
  } finally {
    prompt.close()
  }
}
