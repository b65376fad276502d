/**
 * Prints `process not found` on stdout with exit code 5, like remote-runner and process-manager.
 * With -o json or yaml it stays an error.
 */
import { dispatchError } from '../../coordinator/dispatch/errors.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import type { CommandContext } from '../program/handler.ts'

export async function orUnknownRun(
  context: CommandContext<unknown, unknown>,
  work: () => Promise<number | void>,
): Promise<number | void> {
  try {
    return await work()
  } catch (error) {
    if (!dispatchError.is(error, 'dispatch.unknown-run')) throw error
    if (['json', 'yaml'].includes(context.globals.output)) throw error
    await context.stdout.write(`${error.message}\n`)
    return EXIT.notFound
  }
}
