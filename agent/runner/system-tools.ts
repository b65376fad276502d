/** The few programs of the operating system that the runner itself uses, found once at start by absolute path; never by the PATH of an order. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { runnerError } from './errors.ts'

export interface SystemTools {
  /** POSIX shell: runs the constant launch script. */
  readonly sh: string
  /** Sets the environment exactly, as the last step before the program. */
  readonly env: string
  readonly mkfifo: string
  /** Gives up the runner's user and groups (util-linux). Without it a run as another user has no supplementary groups. */
  readonly setpriv: string | undefined
  /** Looks up users wherever the host keeps them. */
  readonly getent: string | undefined
}

const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/run/current-system/sw/bin']

/** Throws runner.missing-tool when the host lacks one that can't be done without. */
export function findTools(): SystemTools {
  return { sh: need('sh'), env: need('env'), mkfifo: need('mkfifo'), setpriv: find('setpriv'), getent: find('getent') }
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
