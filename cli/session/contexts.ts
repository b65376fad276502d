/**
 * The coordinators that a person has given names, in one file of that person: names, tickets and,
 * where one was given, the key that signs there. A ticket holds nothing secret, but whoever can
 * write this file chooses which coordinator a command reaches.
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
    hint: () => 'muster context list shows them; muster context add NAME TICKET makes one',
  },
  'context.exists': {
    exit: 'conflict',
    message: (d: { name: string }) => `there is already a context ${d.name}`,
    hint: () => 'choose a name that muster context list does not show',
  },
  'context.name': {
    exit: 'usage',
    message: (d: { name: string }) =>
      `${JSON.stringify(d.name)} is no name for a context: expected letters, digits, . _ and -, at most 64`,
    hint: () => 'such as prod or lab-2',
  },
  'context.file': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) =>
      `the contexts in ${d.file} cannot be used: ${d.reason}`,
    hint: (d: { file: string }) => `mend ${d.file}, or move it away and add them again`,
  },
})

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** Thousands of tickets. */
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
  /** No file is no contexts. @throws context.file */
  read(): Promise<Contexts>
  /** Of two changes at the same moment the later one stays. @throws context.file */
  write(contexts: Contexts): Promise<void>
}

export function contextFile(
  deps: { random: Random },
  env: Readonly<Record<string, string | undefined>>,
): ContextFile {
  const path = join(
    env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'),
    'muster',
    'contexts.json',
  )
  const failed = (reason: string, cause?: unknown): Error =>
    contextError('context.file', { file: path, reason }, { cause })
  return {
    path,
    async read() {
      let text: string
      try {
        const { size } = await stat(path)
        if (size > MAX_FILE_BYTES) throw failed(`it has ${size} bytes, more than ${MAX_FILE_BYTES}`)
        text = await readFile(path, 'utf8')
      } catch (error) {
        if (['ENOENT', 'ENOTDIR'].includes(errno(error) ?? ''))
          return { current: null, contexts: {} }
        throw contextError.is(error)
          ? error
          : failed(diskReason(error) ?? 'it cannot be read', error)
      }
      try {
        return shape.parse(JSON.parse(text))
      } catch (cause) {
        throw failed('they are not what muster wrote', cause)
      }
    },
    async write(contexts) {
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 })
        // Many people keep such files elsewhere and link to them; the link has to stay.
        const target = await findOutputTarget(path)
        if (target.kind === 'descriptor' || target.kind === 'stream')
          throw failed('it is not a regular file')
        const mode = target.kind === 'file' ? target.stats.mode & 0o777 : 0o600
        // Crash before it is done: the old contexts stand.
        await writeDurable(deps, target.path, `${JSON.stringify(contexts, undefined, 2)}\n`, {
          mode,
        })
      } catch (error) {
        throw contextError.is(error)
          ? error
          : failed(diskReason(error) ?? 'it cannot be written', error)
      }
    },
  }
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
