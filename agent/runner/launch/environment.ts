/**
 * The environment of a run: four variables that programs expect, and those of the run definition. A
 * run inherits no variable of the runner or the agent.
 */
import type { Account } from './account.ts'
import { startFailure } from '../ground/start-failure.ts'

/** The default of login(1) and cron, with the folders of local programs. */
const BASE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Returns `NAME=value` for each variable.
 * @throws StartFailure for an invalid name or value
 */
export function buildEnvironment(
  account: Account,
  wanted: Readonly<Record<string, string>>,
): string[] {
  const env = new Map([
    ['PATH', BASE_PATH],
    ['HOME', account.home],
    ['LANG', 'C.UTF-8'],
    ['USER', account.name],
  ])
  for (const [name, value] of Object.entries(wanted)) {
    // A control character in its name could make one variable look like two in a listing.
    if (name === '' || name.includes('=') || [...name].some((char) => char < ' '))
      throw startFailure('EINVAL', `environment name ${JSON.stringify(name)}`)
    if (value.includes('\0')) throw startFailure('EINVAL', `environment value of ${name}`)
    env.set(name, value)
  }
  return [...env].map(([name, value]) => `${name}=${value}`)
}
