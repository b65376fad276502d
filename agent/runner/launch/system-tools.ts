/**
 * The few programs of the operating system that the runner itself uses, found once at start by
 * absolute path; never by the PATH of an order.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { runnerError } from '../ground/errors.ts'

export interface SystemTools {
  /** POSIX shell: runs the constant launch script. */
  readonly sh: string
  /**
   * Sets the environment exactly, as the last step before the program. One that has -S: what it
   * expands is in no command line.
   */
  readonly env: string
  readonly mkfifo: string
  /**
   * Gives up the runner's user and groups (util-linux). Without it a run as another user has no
   * supplementary groups.
   */
  readonly setpriv: string | undefined
  /** Looks up users wherever the host keeps them. */
  readonly getent: string | undefined
}

const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/run/current-system/sw/bin']

/** Throws runner.missing-tool when the host lacks one that can't be done without. */
export function findTools(): SystemTools {
  return {
    sh: need('sh'),
    env: splitting(need('env')),
    mkfifo: need('mkfifo'),
    setpriv: find('setpriv'),
    getent: find('getent'),
  }
}

/** How long env(1) may take for one line. */
const TRY_MS = 5000

/** coreutils have it from 8.30 on (2018). Throws runner.missing-tool. */
function splitting(env: string): string {
  try {
    const said = execFileSync(env, ['-S', '-i -- ${MUSTER_0}', env], {
      env: { MUSTER_0: 'A=x  y' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: TRY_MS,
    })
    if (said === 'A=x  y\n') return env
  } catch {
    // It does not know the option: no program for us.
  }
  throw runnerError('runner.missing-tool', {
    name: 'env with -S, such as that of coreutils 8.30,',
    folders: FOLDERS,
  })
}

function need(name: string): string {
  const path = find(name)
  if (path === undefined) throw runnerError('runner.missing-tool', { name, folders: FOLDERS })
  return path
}

function find(name: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
