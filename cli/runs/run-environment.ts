/**
 * The variables of `--env` on their way to a run: values that the command line gave or that this
 * environment has, and their seals for an intent.
 */
import { openingsMessage } from '../../protocols/rpc/openings.ts'
import type { Random } from '../../shared/random.ts'
import { commitmentOf, type Opening, openingsOf } from '../../shared/trust/commitment.ts'
import { cliError } from '../terminal/errors.ts'

export interface SealedEnvironment {
  /** For the signed arguments: a commitment by name. */
  readonly env: Record<string, string>
  /** For beside the intent. */
  readonly values: readonly Opening[]
}

/**
 * @param given by name; undefined takes the value that the variable has in `environment`
 * @throws cli.usage, which names a variable and never its value
 */
export function variablesOf(
  given: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const variables = Object.entries(given).map(([name, value]) => {
    const known = value ?? (Object.hasOwn(environment, name) ? environment[name] : undefined)
    if (known === undefined)
      throw cliError('cli.usage', {
        reason: `--env ${name}: there is no such variable here whose value could be passed on`,
        hint: `export ${name}, or give --env ${name}=VALUE`,
      })
    return [name, known] as const
  })
  return Object.fromEntries(variables)
}

/** Values and commitments to them. @throws as {@link variablesOf} */
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
