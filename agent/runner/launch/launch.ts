/**
 * Starts a program behind a gate. The gate is a shell with a constant script that waits for one
 * line before it executes the program. Meanwhile the runner puts the gate into the run's control
 * groups and records it. If the runner dies before it sends the line, the gate ends without a
 * start.
 *
 * Gate → setpriv (for another user) → env -i (the exact environment) → program. All use exec, so
 * pid and start time stay. The command is passed as arguments and never as shell text. Every user
 * can read arguments, so the environment's values are not in them. Each value is in a variable
 * `MUSTER_n`, from which env(1) builds the environment.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import { defined } from '../../../shared/defined.ts'
import type { Account } from './account.ts'
import { ExitWatch } from './exit-watch.ts'
import { readStat } from '../containment/process-identity.ts'
import { SET_TAG } from '../containment/run-tag.ts'
import { startFailure } from '../ground/start-failure.ts'
import type { SystemTools } from './system-tools.ts'

/**
 * umask and soft file limit are as in a login. (Node raises its own limit. A high limit slows
 * programs that close all descriptors.) A run doesn't inherit the runner's out-of-memory
 * protection.
 */
const GATE =
  `umask 022; ${SET_TAG}; ulimit -Sn 1024 2>/dev/null || :; ` +
  '{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null; ' +
  'read -r go && [ "$go" = go ] && exec "$@" </dev/null; exit 125'
/** Exit codes of the gate, env(1), setpriv(1) and nice(1) after a failed exec. */
export const LAUNCH_FAILED: readonly number[] = [125, 126, 127]

export interface LaunchSpec {
  readonly command: readonly string[]
  /** The mark of the run's processes ({@link runTag}). */
  readonly tag: string
  /** The complete environment, as `NAME=value`. */
  readonly environment: readonly string[]
  readonly cwd: string
  /** Present only for another user than the runner's. */
  readonly account?: Account
  /** File descriptors. The caller closes its copies after the launch. */
  readonly stdout: number
  readonly stderr: number
}

export interface Exit {
  /** The exit code from 0 to 255, or null if a signal ended the program. */
  readonly code: number | null
  /** A name such as SIGTERM or SIGRTMIN+3. */
  readonly signal: string | null
}

export interface Launched {
  readonly pid: number
  readonly startTime: string
  /** The exit from wait(2). It does not depend on the output. */
  readonly exited: Promise<Exit>
  /** Call this when output arrives or closes, because the exit may follow ({@link ExitWatch}). */
  checkExit(): void
  /** Opens the gate. */
  release(): void
  /** Ends the gate without starting the program. */
  abandon(): void
}

/**
 * Spawns the gate. If it throws, no process is left.
 * @throws StartFailure, or the error of the system call
 */
export async function launch(deps: { tools: SystemTools }, spec: LaunchSpec): Promise<Launched> {
  const { tools } = deps
  const nul = spec.command.findIndex((part) => part.includes('\0'))
  if (nul !== -1) throw startFailure('EINVAL', `a NUL byte in argument ${nul}`)
  const carriers = Object.fromEntries(
    spec.environment.map((variable, index) => [`MUSTER_${index}`, variable]),
  )
  const exactly = ['-i', '--', ...Object.keys(carriers).map((name) => `\${${name}}`)].join(' ')
  const words = [
    ...becomeUser(tools, spec.account),
    tools.env,
    '-S',
    exactly,
    ...plain(spec.command),
  ]
  const { uid, gid } = tools.setpriv === undefined ? { ...spec.account } : {}
  const { child, pid } = await spawned(() =>
    spawn(tools.sh, ['-c', GATE, 'muster-run', ...words], {
      ...defined({ uid, gid }),
      cwd: spec.cwd,
      env: { LC_ALL: 'C', MUSTER_TAG: spec.tag, ...carriers },
      // The child gets a new session, so that it gets no signals of a terminal.
      detached: true,
      stdio: ['pipe', spec.stdout, spec.stderr],
    }),
  )
  const watch = new ExitWatch(pid)
  const exited = new Promise<Exit>((resolve) =>
    child.once('exit', (code, signal) => resolve(watch.correct({ code, signal }))),
  )
  const gate = child.stdin
  gate?.on('error', () => undefined)
  return {
    pid,
    startTime: readStat(pid)?.startTime ?? '',
    exited,
    checkExit: () => watch.check(),
    release: () => gate?.end('go\n'),
    abandon: () => gate?.destroy(),
  }
}

/** Returns true while the process has not executed the program yet. */
export function isLaunching(tools: SystemTools, pid: number): boolean {
  const line = commandLine(pid)
  const ours = [
    [tools.sh, '-c', GATE],
    [tools.env, '-S'],
    ...(tools.setpriv === undefined ? [] : [[tools.setpriv, '--reuid']]),
  ]
  // The command line is empty for a moment during an exec.
  return line === '' || ours.some((words) => line?.startsWith(words.join('\0')))
}

function becomeUser(tools: SystemTools, account: Account | undefined): string[] {
  if (account === undefined || tools.setpriv === undefined) return []
  // The program gets exactly the groups of the user. It gets no inherited capabilities and no
  // rights of set-user-id programs.
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups']
  return [tools.setpriv, ...ids, '--inh-caps=-all', '--no-new-privs', '--']
}

/**
 * Puts nice(1) before a program with `=` in its name, because env(1) would read it as a variable.
 */
function plain(command: readonly string[]): readonly string[] {
  return command[0]?.includes('=') === true ? ['nice', '-n', '0', '--', ...command] : command
}

function spawned(start: () => ChildProcess): Promise<{ child: ChildProcess; pid: number }> {
  return new Promise((resolve, reject) => {
    const child = start()
    child.once('spawn', () => {
      child.off('error', reject)
      // After the spawn, only kill() emits errors. Its callers check the effect of a signal
      // instead.
      child.on('error', () => undefined)
      if (child.pid === undefined) reject(new Error('a spawned process has no pid'))
      else resolve({ child, pid: child.pid })
    })
    child.once('error', reject)
  })
}

/** Enough bytes for the words of the gate. */
const COMMAND_LINE_BYTES = 1024

/** Returns the command line, or undefined if the process is gone. */
function commandLine(pid: number): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(`/proc/${pid}/cmdline`, 'r')
    const buffer = Buffer.alloc(COMMAND_LINE_BYTES)
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0))
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
