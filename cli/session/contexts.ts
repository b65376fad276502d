/**
 * Stores the contexts of a user in one file: names, tickets, and optionally the path of a key. A
 * ticket contains no secret. But a program that can write this file can select the coordinator.
 */
import { mkdir, readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { diskReason } from '../../shared/disk-reason.ts'
import { errno } from '../../shared/errno.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { defineErrors } from '../../shared/errors.ts'
import type { Random } from '../../shared/random.ts'
import { findOutputTarget } from '../terminal/output-target.ts'

export const contextError = defineErrors({
  'context.unknown': {
    exit: 'notFound',
    message: (d: { name: string }) => `there is no context ${JSON.stringify(d.name)}`,
    hint: () =>
      'run `muster context list` to see them, or `muster context add NAME TICKET` to add one',
  },
  'context.exists': {
    exit: 'conflict',
    message: (d: { name: string }) => `context ${d.name} exists already`,
    hint: (d: { name: string }) =>
      `choose another name, or run \`muster context remove ${d.name}\` first`,
  },
  'context.name': {
    exit: 'usage',
    message: (d: { name: string }) =>
      `invalid context name ${JSON.stringify(d.name)}: ` +
      'expected letters, digits, . _ and -, at most 64',
    hint: () => 'choose a name such as prod or lab-2',
  },
  'context.file': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) =>
      `cannot use the contexts in ${d.file}: ${d.reason}`,
    hint: (d: { file: string }) => `fix ${d.file}, or move it away and add the contexts again`,
  },
})

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** Enough for thousands of tickets. */
const MAX_FILE_BYTES = 1024 * 1024

const shape = z.strictObject({
  current: z.string().nullable(),
  contexts: z.record(
    z.string().regex(NAME),
    z.strictObject({ ticket: z.string(), identity: z.string().optional() }),
  ),
})
export type Contexts = z.infer<typeof shape>
export type StoredContext = Contexts['contexts'][string]

export interface ContextFile {
  readonly path: string
  /** Reads the contexts. A missing file is an empty list. @throws context.file */
  read(): Promise<Contexts>
  /**
   * Changes the contexts. The later of two concurrent changes replaces the earlier one. @throws
   * context.file
   */
  write(contexts: Contexts): Promise<void>
}

export function contextFile(
  deps: { random: Random },
  env: Readonly<Record<string, string | undefined>>,
): ContextFile {
  const folder = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config')
  const path = join(folder, 'muster', 'contexts.json')
  return {
    path,
    read: () => readContexts(path),
    write: (contexts) => writeContexts(deps, path, contexts),
  }
}

async function readContexts(path: string): Promise<Contexts> {
  let text: string
  try {
    const { size } = await stat(path)
    if (size > MAX_FILE_BYTES)
      throw unusable(path, `it has ${size} bytes, more than ${MAX_FILE_BYTES}`)
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errno(error) ?? '')) return { current: null, contexts: {} }
    if (contextError.is(error)) throw error
    throw unusable(path, diskReason(error) ?? 'it cannot be read', error)
  }
  try {
    return shape.parse(JSON.parse(text))
  } catch (cause) {
    throw unusable(path, 'the file was not written by muster', cause)
  }
}

async function writeContexts(
  deps: { random: Random },
  path: string,
  contexts: Contexts,
): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    // The file may be a symbolic link to another folder. The link stays.
    const target = await findOutputTarget(path)
    if (target.kind === 'descriptor' || target.kind === 'stream')
      throw unusable(path, 'it is not a regular file')
    const mode = target.kind === 'file' ? target.stats.mode & 0o777 : 0o600
    // Crash before this ends: the old contexts stay.
    await writeDurable(deps, target.path, `${JSON.stringify(contexts, undefined, 2)}\n`, { mode })
  } catch (error) {
    if (contextError.is(error)) throw error
    throw unusable(path, diskReason(error) ?? 'it cannot be written', error)
  }
}

function unusable(file: string, reason: string, cause?: unknown): Error {
  return contextError('context.file', { file, reason }, { cause })
}

/** @throws context.name */
export function requireContextName(name: string): string {
  if (!NAME.test(name)) throw contextError('context.name', { name: name.slice(0, 80) })
  return name
}

/** @throws context.unknown */
export function requireContext({ contexts }: Contexts, name: string): StoredContext {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined
  if (found === undefined) throw contextError('context.unknown', { name: name.slice(0, 80) })
  return found
}
