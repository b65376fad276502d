/**
 * Starts the runner as a separate process with a new session and a clean environment. Its standard
 * error is runner.log. If two callers start one at once, the second runner ends because of the
 * lock, and both callers connect to the first.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, renameSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import { errno } from '../../../shared/errno.ts'
import { MusterError } from '../../../shared/errors.ts'
import { ownAccount } from '../launch/account.ts'
import { type RunnerConnection, openConnection } from './connection.ts'
import { runnerError } from '../ground/errors.ts'
import { type RunnerPaths, runnerPaths } from '../ground/paths.ts'
import { EXIT_HELD } from './requests.ts'
import type { Keep } from '../records/retention.ts'
import { ownFolder } from './socket-path.ts'

/** A start takes a fifth of a second. While a host boots, a start can take much longer. */
const READY_MS = 20_000
const LOOK_MS = 10
/** The pause before the next start, while a runner that is ending holds the lock. */
const HELD_MS = 100
/** A longer log is renamed, and one earlier log is kept. */
const MAX_LOG_BYTES = 1024 * 1024
/**
 * A limit of the heap. The runner needs little memory, and a defect must not use all memory of the
 * host.
 */
const NODE_FLAGS = ['--max-semi-space-size=1', '--max-old-space-size=128']

export interface SpawnOptions {
  readonly home: string
  /** The ended runs to keep. */
  readonly keep?: Keep
  /** Further arguments for agent/runner/main.ts. */
  readonly arguments?: readonly string[]
  readonly signal?: AbortSignal
}

/**
 * Connects to the new runner, or to one that another process started meanwhile.
 * @throws runner.unreachable, runner.unsafe-path
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
      reason: `it belongs to user ${owner}, and only this user can start the runner`,
    })
  let state = start(paths, options)
  const until = deps.clock.monotonic() + READY_MS
  for (;;) {
    try {
      const connection = await openConnection(paths.socket, options.signal)
      const hello = defined({ method: 'hello' as const, keep: options.keep })
      const { result } = await connection.request(hello, options.signal)
      // Another process started a runner first. Without this kill, ours would continue if the other
      // one ended.
      if (result.pid !== state.pid) state.kill()
      return connection
    } catch (error) {
      if (!runnerError.is(error, 'runner.unreachable')) throw error
      const code = state.exitCode()
      // A runner that is ending holds the lock and doesn't respond. Start another one.
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
    // The runner continues after this process.
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
      { socket, reason: `its log can't be written (${errno(cause)})` },
      { cause },
    )
  }
}
