/** Rejects an intent that every host would reject, before it is signed and logged. */
import { type RunStartArguments, runStartArguments } from '../../protocols/control/verbs.ts'
import { cliError } from '../terminal/errors.ts'

type Order = Omit<RunStartArguments, 'runs' | 'env'>

const shape = runStartArguments.omit({ runs: true, env: true })

/** Returns the valid arguments unchanged. @throws cli.usage */
export function checkOrder(order: Order): Order {
  const checked = shape.safeParse(order)
  if (checked.success) return order
  const [issue] = checked.error.issues
  const [field = 'command', index] = issue?.path ?? []
  const { command } = order
  throw cliError('cli.usage', {
    reason:
      `${nameOf(field, index, command)}: ${issue?.message ?? 'it is not valid'}; ` +
      'nothing was signed',
    hint: field === 'command' ? 'put data into a file on the host' : 'see --help',
  })
}

/** Returns the name of the field on the command line. */
function nameOf(
  field: PropertyKey,
  index: PropertyKey | undefined,
  command: readonly string[],
): string {
  if (field !== 'command') return `--${String(field)}`
  if (typeof index !== 'number') return `the command, which has ${command.length} words`
  return `word ${index + 1} of the command, which has ${command[index]?.length ?? 0} characters`
}
