/** Builds the run definition for the runner from an operator's intent. */
import type { RunStartArguments } from '../../protocols/control/verbs.ts'
import { defined } from '../../shared/defined.ts'
import type { RunId } from '../../shared/ids.ts'
import type { RunOrder } from '../runner/ground/order.ts'

export function runnerOrder(
  run: RunId,
  asked: Omit<RunStartArguments, 'runs' | 'env'>,
  env: RunOrder['env'],
): RunOrder {
  const { command, cwd, user, name } = asked
  const { cpuMillis, ...limits } = asked.limits
  const cpu = cpuMillis === undefined ? undefined : cpuMillis / 1000
  return defined({ run, command, env, cwd, user, name, limits: defined({ ...limits, cpu }) })
}
