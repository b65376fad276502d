/**
 * Rejects arguments, variables and a working folder that aren't UTF-8. Node replaces their bytes
 * with U+FFFD, so a command would act on another name.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { cliError } from '../terminal/errors.ts'

const REPLACEMENT = '\uFFFD'
/**
 * Set by a launcher under an older Node, which can't pass on bytes. It contains the names of the
 * variables that aren't UTF-8, separated by `=`.
 */
const LAUNCHER_NOTE = 'MUSTER_NOT_UTF8'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the bytes that the system passed to this process. Undefined if /proc doesn't contain them.
 */
export interface GivenBytes {
  /** The whole command line. Each word ends with a NUL (proc_pid_cmdline(5)). */
  readonly words: () => Buffer | undefined
  /** `NAME=VALUE` pairs. Each ends with a NUL (proc_pid_environ(5)). */
  readonly environment: () => Buffer | undefined
  readonly folder: () => Buffer | undefined
}

export const processBytes: GivenBytes = {
  words: () => orUndefined(() => readFileSync('/proc/self/cmdline')),
  environment: () => orUndefined(() => readFileSync('/proc/self/environ')),
  folder: () => orUndefined(() => readlinkSync('/proc/self/cwd', { encoding: 'buffer' })),
}

/**
 * Returns the error for the first word of `argv` that isn't UTF-8. The error contains the position
 * of the word but not its text, which may be a secret.
 */
export function argumentFault(argv: readonly string[], given: GivenBytes): Error | undefined {
  if (!argv.some((word) => word.includes(REPLACEMENT))) return undefined
  // The first words are Node's own and the path of the script.
  const raw = split(given.words()).slice(-argv.length)
  const index = argv.findIndex(
    (word, at) => word.includes(REPLACEMENT) && raw[at]?.equals(Buffer.from(word)) !== true,
  )
  if (index === -1) return undefined
  return cliError('cli.not-utf8', { what: `argument ${index + 1} of muster` })
}

/**
 * Returns a copy of `env`. Reading a variable that isn't UTF-8 from the copy throws cli.not-utf8.
 */
export function guardedEnvironment(env: Environment, given: GivenBytes): Environment {
  const { [LAUNCHER_NOTE]: note, ...rest } = env
  const suspects = Object.keys(rest).filter((name) => rest[name]?.includes(REPLACEMENT))
  const faulty = [...suspects.filter(notVerbatim(rest, given)), ...(note?.split('=') ?? [])]
  for (const name of new Set(faulty))
    Object.defineProperty(rest, name, {
      // Child processes don't get the variable, because its value is changed.
      enumerable: false,
      get: () => {
        throw cliError('cli.not-utf8', { what: `the value of the variable ${name}` })
      },
    })
  return rest
}

/** Makes `process.cwd()` throw cli.not-utf8 if the path isn't UTF-8, because it would be wrong. */
export function guardFolder(given: GivenBytes): void {
  const path = given.folder()
  if (path === undefined || Buffer.from(path.toString('utf8')).equals(path)) return
  process.cwd = () => {
    throw cliError('cli.not-utf8', { what: 'the path of the working folder' })
  }
}

/** True for a variable whose bytes differ from its text or are unknown. */
function notVerbatim(env: Environment, given: GivenBytes): (name: string) => boolean {
  let entries: readonly Buffer[] | undefined
  return (name) => {
    entries ??= split(given.environment())
    const verbatim = Buffer.from(`${name}=${env[name]}`)
    return !entries.some((entry) => entry.equals(verbatim))
  }
}

function split(bytes: Buffer | undefined): Buffer[] {
  const parts: Buffer[] = []
  if (bytes === undefined) return parts
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0, from)
    const to = end === -1 ? bytes.length : end
    parts.push(bytes.subarray(from, to))
    from = to + 1
  }
  return parts
}

function orUndefined(read: () => Buffer): Buffer | undefined {
  try {
    return read()
  } catch {
    // Without /proc, or if the folder was removed, text with U+FFFD is rejected.
    return undefined
  }
}
