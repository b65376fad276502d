/** Asks a person before something is destroyed. Only a clear yes is one; where nobody can be asked, the answer is an error that says so. */
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
  const prompt = createInterface({ input, output })
  // While a line is read the terminal sends Ctrl-C as a key; it means the same as ever.
  prompt.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    const answer = await prompt.question(`This ${action}. Go on? [y/N] `, { signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw cliError('cli.declined', { action })
  } catch (error) {
    output.write('\n')
    signal.throwIfAborted()
    // Ctrl-D: the end of the input is no yes.
    if (error instanceof Error && error.name === 'AbortError')
      throw cliError('cli.declined', { action }, { cause: error })
    throw error
  } finally {
    prompt.close()
  }
}
