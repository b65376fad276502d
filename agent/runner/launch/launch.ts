/**
 * Starts a program behind a gate. What is spawned first is a shell with a constant script that
 * waits for one line on its standard input and only then executes the program: in the meantime the
 * runner puts it into its control groups and writes its identity to the disk. If the runner dies
 * before that line, the shell reads the end of its input and ends: the program was never started.
 *
 * shell (gate) → setpriv (only for another user) → env -i (the exact environment) → program: execs
 * all, so pid and start time stay. The order's words are arguments in every step, never text that a
 * shell reads. Its environment is no argument of any step, because every user of the host can read
 * those: each variable is the value of one of ours, which no program on the way obeys, and env(1)
 * puts them in their places.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readSync } from 'node:fs'
import type { Account } from './account.ts'
import { ExitWatch } from './exit-watch.ts'
import { readStat } from '../containment/process-identity.ts'
import { SET_TAG } from '../containment/run-tag.ts'
import { startFailure } from '../ground/start-failure.ts'
import type { SystemTools } from './system-tools.ts'

/**
 * umask and soft file limit are what a login has (node raised its own limit to the hard one, which
 * makes programs that close "all" descriptors slow). The runner protects itself from the
 * out-of-memory killer; a run must not inherit that.
 */
const GATE = `umask 022; ${SET_TAG}; ulimit -Sn 1024 2>/dev/null || :; { echo 0 >/proc/self/oom_score_adj; } 2>/dev/null; read -r go && [ "$go" = go ] && exec "$@" </dev/null; exit 125`
/**
 * Exit codes of the gate and of env(1), setpriv(1) and nice(1) when they could not execute what
 * they were given.
 */
export const LAUNCH_FAILED: readonly number[] = [125, 126, 127]

export interface LaunchSpec {
  readonly command: readonly string[]
  /** What marks its processes ({@link runTag}). */
  readonly tag: string
  /** `NAME=value`, complete. */
  readonly environment: readonly string[]
  readonly cwd: string
  /** Given if the program shall run as another user than the runner. */
  readonly account?: Account
  /** File descriptors; the caller closes its own copies after the launch. */
  readonly stdout: number
  readonly stderr: number
}

export interface Exit {
  /** 0 to 255, or null if a signal ended it. */
  readonly code: number | null
  /** Such as SIGTERM or SIGRTMIN+3. */
  readonly signal: string | null
}

export interface Launched {
  readonly pid: number
  readonly startTime: string
  /** By wait(2), whoever may still hold its output. */
  readonly exited: Promise<Exit>
  /**
   * Call it when output arrives or closes: it may be the last sign before the end ({@link
   * ExitWatch}).
   */
  look(): void
  /** Lets the program start. */
  release(): void
  /** Ends the gate without starting the program. */
  abandon(): void
}

/**
 * Spawns the gate. Throws a StartFailure or what the system call says; then nothing is left of it.
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
  const fallback =
    spec.account !== undefined && tools.setpriv === undefined
      ? { uid: spec.account.uid, gid: spec.account.gid }
      : {}
  const child = await spawned(() =>
    spawn(tools.sh, ['-c', GATE, 'muster-run', ...words], {
      ...fallback,
      cwd: spec.cwd,
      env: { LC_ALL: 'C', MUSTER_TAG: spec.tag, ...carriers },
      // A session of its own: no signal of ours or of a terminal reaches it by accident.
      detached: true,
      stdio: ['pipe', spec.stdout, spec.stderr],
    }),
  )
  const pid = child.pid as number
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
    look: () => watch.look(),
    release: () => gate?.end('go\n'),
    abandon: () => gate?.destroy(),
  }
}

/** True while the process is still one of ours on the way to the program. */
export function isLaunching(tools: SystemTools, pid: number): boolean {
  const line = commandLine(pid)
  const ours = [
    [tools.sh, '-c', GATE],
    [tools.env, '-S'],
    ...(tools.setpriv === undefined ? [] : [[tools.setpriv, '--reuid']]),
  ]
  // Empty for a moment while an exec replaces it.
  return line === '' || ours.some((words) => line?.startsWith(words.join('\0')))
}

function becomeUser(tools: SystemTools, account: Account | undefined): string[] {
  if (account === undefined || tools.setpriv === undefined) return []
  // Groups exactly those of the user; nothing inherited through capabilities, nothing regained
  // through set-user-id programs.
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--init-groups']
  return [tools.setpriv, ...ids, '--inh-caps=-all', '--no-new-privs', '--']
}

/** env(1) would take a program with `=` in its name for a variable; nice(1) doesn't. */
function plain(command: readonly string[]): readonly string[] {
  return (command[0] as string).includes('=') ? ['nice', '-n', '0', '--', ...command] : command
}

function spawned(start: () => ChildProcess): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const child = start()
    child.once('spawn', () => {
      child.off('error', reject)
      // Only a failed kill() could raise it later, and every caller looks at the effect of a signal
      // instead.
      child.on('error', () => undefined)
      resolve(child)
    })
    child.once('error', reject)
  })
}

/** Enough to hold the gate's own words. */
const COMMAND_LINE_BYTES = 1024

/** Undefined if the process is gone. */
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
