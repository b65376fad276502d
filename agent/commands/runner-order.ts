/**
 * What an operator's order says of a run, as the runner takes it, with the environment that came
 * beside it.
 */
import type { RunStartArguments } from '../../protocols/control/verbs.ts'
import type { RunId } from '../../shared/ids.ts'
import type { RunOrder } from '../runner/ground/order.ts'

export function runnerOrder(
  run: RunId,
  order: Omit<RunStartArguments, 'runs' | 'env'>,
  env: RunOrder['env'],
): RunOrder {
  const { memoryBytes, cpuMillis, pids, timeoutMs, outputBytes } = order.limits
  return {
    run,
    command: order.command,
    env,
    ...(order.cwd === undefined ? {} : { cwd: order.cwd }),
    ...(order.user === undefined ? {} : { user: order.user }),
    ...(order.name === undefined ? {} : { name: order.name }),
    limits: {
      outputBytes,
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(cpuMillis === undefined ? {} : { cpu: cpuMillis / 1000 }),
      ...(pids === undefined ? {} : { pids }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    },
  }
}
