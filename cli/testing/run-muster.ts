/**
 * Runs the real command line as a separate process, in an environment without variables of Muster.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export function runMuster(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(MUSTER_|SSH_AUTH_SOCK|NODE_TEST_CONTEXT)/.test(name),
    ),
  )
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(import.meta.dirname, '../main.ts'), ...args],
      // Hides the contexts of the user who runs the tests.
      { env: { ...clean, XDG_CONFIG_HOME: '/nonexistent', ...env } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, stdout, stderr })
      },
    )
  })
}
