/**
 * The programs of the operating system that the runner uses. They are found once at its start and
 * never searched in the PATH of a run.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { runnerError } from '../ground/errors.ts'

export interface SystemTools {
  /** A POSIX shell for the constant gate script. */
  readonly sh: string
  /** Sets the exact environment before the program. It needs -S, which expands variables. */
  readonly env: string
  readonly mkfifo: string
  /**
   * Changes user and groups (util-linux). If it is absent, a run as another user has no
   * supplementary groups.
   */
  readonly setpriv: string | undefined
  /** Looks up users, including those of directory services. */
  readonly getent: string | undefined
}

const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/run/current-system/sw/bin']

/** @throws runner.missing-tool if the host lacks a required one */
export function findTools(): SystemTools {
  return {
    sh: need('sh'),
    env: requireSplit(need('env')),
    mkfifo: need('mkfifo'),
    setpriv: find('setpriv'),
    getent: find('getent'),
  }
}

/** A test of env(1) takes a few milliseconds, so this limit is high. */
const TRY_MS = 5000

/** Requires `env -S`, which coreutils have since 8.30 (2018). @throws runner.missing-tool */
function requireSplit(env: string): string {
  try {
    const output = execFileSync(env, ['-S', '-i -- ${MUSTER_0}', env], {
      env: { MUSTER_0: 'A=x  y' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: TRY_MS,
    })
    if (output === 'A=x  y\n') return env
  } catch {
    // This env(1) does not have the option.
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
