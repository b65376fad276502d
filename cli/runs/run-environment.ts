/** Reads the variables of --env and makes the commitments to their values for an intent. */
import { openingsMessage } from '../../protocols/rpc/openings.ts'
import type { Random } from '../../shared/random.ts'
import { commitmentOf, type Opening, openingsOf } from '../../shared/trust/commitment.ts'
import { cliError } from '../terminal/errors.ts'

export interface SealedEnvironment {
  /** The commitment of each variable, for the signed arguments. */
  readonly env: Record<string, string>
  /** The values and salts, which are sent with the intent. */
  readonly values: readonly Opening[]
}

/**
 * @param given values by name; undefined takes the value from `environment`
 * @throws cli.usage, which contains the name of a variable and never its value
 */
export function variablesOf(
  given: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const variables = Object.entries(given).map(([name, value]) => {
    const known = value ?? (Object.hasOwn(environment, name) ? environment[name] : undefined)
    if (known === undefined)
      throw cliError('cli.usage', {
        reason: `--env ${name}: this shell has no such variable`,
        hint: `export ${name}, or pass --env ${name}=VALUE`,
      })
    return [name, known] as const
  })
  return Object.fromEntries(variables)
}

/** Returns the values with their commitments. @throws cli.usage, like {@link variablesOf} */
export function sealEnvironment(
  deps: { random: Random },
  given: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): SealedEnvironment {
  const values = openingsOf(deps, variablesOf(given, environment))
  const checked = openingsMessage.safeParse(values)
  if (!checked.success) {
    const [issue] = checked.error.issues
    const name =
      typeof issue?.path[0] === 'number' ? ` ${JSON.stringify(values[issue.path[0]]?.name)}` : ''
    throw cliError('cli.usage', {
      reason: `--env${name}: ${issue?.message ?? 'it is not valid'}`,
      hint: 'see --help',
    })
  }
  return { env: Object.fromEntries(values.map((one) => [one.name, commitmentOf(one)])), values }
}
