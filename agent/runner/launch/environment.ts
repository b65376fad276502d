/**
 * The environment of a run: four variables that every program may expect, and what the order says.
 * Nothing of the runner's or the agent's own reaches it.
 */
import type { Account } from './account.ts'
import { startFailure } from '../ground/start-failure.ts'

/** What login(1) and cron give, with the folders of local programs. */
const BASE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * `NAME=value` for each variable. Throws a {@link startFailure} for a name or value that no
 * environment can carry.
 */
export function buildEnvironment(
  account: Account,
  ordered: Readonly<Record<string, string>>,
): string[] {
  const env = new Map([
    ['PATH', BASE_PATH],
    ['HOME', account.home],
    ['LANG', 'C.UTF-8'],
    ['USER', account.name],
  ])
  for (const [name, value] of Object.entries(ordered)) {
    // A control character in a name is never meant: it would let one variable look like two to
    // whoever reads a listing.
    if (name === '' || name.includes('=') || [...name].some((char) => char < ' '))
      throw startFailure('EINVAL', `environment name ${JSON.stringify(name)}`)
    if (value.includes('\0')) throw startFailure('EINVAL', `environment value of ${name}`)
    env.set(name, value)
  }
  return [...env].map(([name, value]) => `${name}=${value}`)
}
