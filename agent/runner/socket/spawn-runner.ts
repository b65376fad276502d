/**
 * Starts the runner as a process of its own: its own session, nothing of the starter's environment
 * but where compiled code is kept, its standard error in runner.log. Two starters at once are no
 * harm: the second runner finds the lock held and ends, and both starters reach the first.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, renameSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../../shared/clock.ts'
import { MusterError } from '../../../shared/errors.ts'
import { ownAccount } from '../launch/account.ts'
import { type RunnerConnection, openConnection } from './connection.ts'
import { runnerError } from '../ground/errors.ts'
import { type RunnerPaths, runnerPaths } from '../ground/paths.ts'
import { EXIT_HELD } from './requests.ts'
import type { Keep } from '../records/retention.ts'
import { ownFolder } from './socket-path.ts'

/**
 * A cold start takes a fifth of a second; a machine that is starting everything at once may need
 * much longer.
 */
const READY_MS = 20_000
const LOOK_MS = 10
/** Before another try to be the runner, while one that ends still holds the lock. */
const HELD_MS = 100
/**
 * The log of a runner that is started anew more often than it should. The one before is kept beside
 * it.
 */
const MAX_LOG_BYTES = 1024 * 1024
/**
 * It keeps no data in memory, so it never needs more; an error must not make it the host's largest
 * process.
 */
const NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=128']

export interface SpawnOptions {
  readonly home: string
  /** Which ended runs it shall keep. */
  readonly keep?: Keep
  /** More arguments for agent/runner/main.ts. */
  readonly arguments?: readonly string[]
  readonly signal?: AbortSignal
}

/**
 * Resolves to a connection once the new runner, or one that somebody else started meanwhile,
 * answers. Throws runner.unreachable.
 */
export async function spawnRunner(
  deps: { clock: Clock },
  options: SpawnOptions,
): Promise<RunnerConnection> {
  const paths = runnerPaths(options.home)
  const owner = statSync(options.home, { throwIfNoEntry: false })?.uid
  if (owner === undefined)
    throw runnerError('runner.unreachable', {
      socket: paths.socket,
      reason: 'its home does not exist',
    })
  if (owner !== process.geteuid?.())
    throw runnerError('runner.unsafe-path', {
      path: options.home,
      reason: `it belongs to user ${owner}, who has to start the runner`,
    })
  let state = start(paths, options)
  const until = deps.clock.monotonic() + READY_MS
  for (;;) {
    try {
      const connection = await openConnection(paths.socket, options.signal)
      const { result } = await connection.request(
        { method: 'hello', ...(options.keep === undefined ? {} : { keep: options.keep }) },
        options.signal,
      )
      // Somebody else's was faster. Ours would end by itself, unless that one ended first: then
      // nobody would know of ours.
      if ((result as { pid: number }).pid !== state.pid) state.kill()
      return connection
    } catch (error) {
      if (!runnerError.is(error, 'runner.unreachable')) throw error
      const code = state.exitCode()
      // The one that held the lock did not answer either: it is about to end, and ours left too
      // early.
      if (code === EXIT_HELD && deps.clock.monotonic() <= until) {
        await deps.clock.sleep(HELD_MS, options.signal)
        state = start(paths, options)
        continue
      }
      if ((code !== undefined && code !== EXIT_HELD) || deps.clock.monotonic() > until)
        throw runnerError('runner.unreachable', {
          socket: paths.socket,
          reason: code === undefined ? 'it is not ready' : `it ended with exit code ${code}`,
        })
    }
    await deps.clock.sleep(LOOK_MS, options.signal)
  }
}

interface Starting {
  readonly pid: number | undefined
  exitCode(): number | undefined
  kill(): void
}

function start(paths: RunnerPaths, options: SpawnOptions): Starting {
  const log = openLog(paths)
  const main = fileURLToPath(new URL(`../main${extname(import.meta.filename)}`, import.meta.url))
  try {
    const child = spawn(
      process.execPath,
      [...NODE_FLAGS, main, '--home', options.home, ...(options.arguments ?? [])],
      {
        cwd: '/',
        detached: true,
        stdio: ['ignore', log, log],
        env: {
          PATH: '/usr/bin:/bin',
          HOME: ownAccount().home,
          LANG: 'C.UTF-8',
          NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? paths.compileCache,
        },
      },
    )
    let exitCode: number | undefined
    child.once('exit', (code) => {
      exitCode = code ?? 1
    })
    child.once('error', () => {
      exitCode = 1
    })
    // It outlives us: we don't wait for it.
    child.unref()
    return { pid: child.pid, exitCode: () => exitCode, kill: () => child.kill() }
  } finally {
    closeSync(log)
  }
}

function openLog({ runFolder, log, socket }: RunnerPaths): number {
  try {
    ownFolder(runFolder)
    if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES)
      renameSync(log, `${log}.1`)
    return openSync(log, 'a', 0o600)
  } catch (cause) {
    if (cause instanceof MusterError) throw cause
    throw runnerError(
      'runner.unreachable',
      { socket, reason: `its log can't be written (${(cause as NodeJS.ErrnoException).code})` },
      { cause },
    )
  }
}
