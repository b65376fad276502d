/** Where the runner keeps what is its own, below the agent's home; stated here and nowhere else. */
import { join } from 'node:path'

export interface RunnerPaths {
  /** 0700: who can reach the socket in it can start processes as the runner's user. */
  readonly runFolder: string
  readonly socket: string
  /** Held for as long as a runner lives. */
  readonly lock: string
  readonly log: string
  /**
   * Compiled code of the runner: starts faster and never loads the TypeScript parser a second time.
   */
  readonly compileCache: string
  /**
   * One folder a run: its record and its output. Trusted: whoever writes here decides what the
   * runner believes about its runs.
   */
  readonly runs: string
  /** Named pipes that wait for their run. */
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
