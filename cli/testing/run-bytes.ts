/**
 * Runs a program with arguments, variables and a folder of any bytes. Node's spawn can't pass them.
 */
import { execFile } from 'node:child_process'
import type { Ended } from './run-muster.ts'

export interface RunBytesOptions {
  /** Added to the environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, Buffer | string | undefined>>
  readonly cwd?: Buffer
}

/** Returns a shell word for these bytes. Only printf(1) interprets them. */
const quoted = (word: Buffer | string): string =>
  `"$(printf '${[...Buffer.from(word)].map(octal).join('')}')"`

export function runBytes(
  words: readonly (Buffer | string)[],
  options: RunBytesOptions = {},
): Promise<Ended> {
  const lines = Object.entries(options.env ?? {}).map(([name, value]) =>
    value === undefined ? `unset ${name}` : `export ${name}=${quoted(value)}`,
  )
  if (options.cwd !== undefined) lines.push(`cd ${quoted(options.cwd)}`)
  const script = [...lines, `exec ${words.map(quoted).join(' ')}`].join(' && ')
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', script], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr })
    })
  })
}

const octal = (byte: number): string => `\\${byte.toString(8).padStart(3, '0')}`
