/** The paths of the runner's files below the agent's home. */
import { join } from 'node:path'

export interface RunnerPaths {
  /**
   * Mode 0700. A process that can open the socket in it can start processes as the runner's user.
   */
  readonly runFolder: string
  readonly socket: string
  /** The lock of the running runner. */
  readonly lock: string
  readonly log: string
  /** Compiled code of the runner, for a faster start. */
  readonly compileCache: string
  /** A folder for each run, with its record and its output. The runner trusts its content. */
  readonly runs: string
  /** Named pipes for future runs. */
  readonly spares: string
}

export function runnerPaths(home: string): RunnerPaths {
  const runFolder = join(home, 'run')
  return {
    runFolder,
    socket: join(runFolder, 'runner.sock'),
    lock: join(runFolder, 'runner.lock'),
    log: join(runFolder, 'runner.log'),
    compileCache: join(runFolder, 'compiled'),
    runs: join(home, 'runs'),
    spares: join(runFolder, 'spares'),
  }
}
