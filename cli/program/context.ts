/** Creates the context of a handler. Modules are loaded at their first use. */
import { systemClock } from '../../shared/clock.ts'
import type { Config } from '../../shared/config/schema.ts'
import { resolveHome } from '../../shared/config/home.ts'
import type { Logger } from '../../shared/logger.ts'
import { systemRandom } from '../../shared/random.ts'
import type { Redactor } from '../../shared/redact.ts'
import type { Registry } from './command.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { ListResult, Screen } from '../terminal/output.ts'
import type { ProgressMode } from '../terminal/progress-display.ts'
import { cliError } from '../terminal/errors.ts'
import type { CommandContext } from './handler.ts'
import { printable, type Sink } from '../terminal/sink.ts'

export interface ContextOptions {
  readonly flags: Readonly<Record<string, unknown>>
  readonly args: Readonly<Record<string, unknown>>
  readonly globals: GlobalFlags
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  readonly redactor: Redactor
  readonly signal: AbortSignal
  readonly registry: Registry
  /** Called if the reader closed the output before a whole result was written. */
  readonly onUnread: () => void
}

export function createContext(options: ContextOptions): CommandContext {
  const { globals } = options
  const uid = process.getuid?.() ?? 0
  let config: Promise<Config> | undefined
  let log: Promise<Logger> | undefined
  const home = (): string => resolveHome({ flag: globals.home, env: options.env, uid })
  return {
    ...options,
    clock: systemClock,
    random: systemRandom,
    home,
    config: () => (config ??= loadFor(options, home(), uid)),
    log: () => (log ??= createLog(options)),
    printList: (result) => printList(options, result),
    printOne: async (result) => {
      const { formatOne } = await import('../terminal/output.ts')
      await writeResult(options, await formatOne(globals.output, result, screenOf(options)))
    },
    note: async (text) => {
      if (!globals.quiet) await writeNote(options, text)
    },
    detail: async (text) => {
      if (globals.verbose && !globals.quiet) await writeNote(options, text)
    },
    report: async (error) => {
      const { reportError } = await import('./report-error.ts')
      const json = globals.output === 'json'
      return reportError(error, options, { json, verbose: globals.verbose })
    },
    progress: async (progress) => {
      const { createProgress } = await import('../terminal/progress.ts')
      const mode = progressMode(options)
      return createProgress({ clock: systemClock, sink: options.stderr }, { ...progress, mode })
    },
    confirm: async (action, yes) => {
      if (yes) return
      const { confirm } = await import('../terminal/confirm.ts')
      const { stdin: input, signal } = options
      await confirm({ action, input, output: process.stderr, signal })
    },
  }
}

/** Ignores a failed write, because the result doesn't depend on notes. */
async function writeNote({ stderr }: ContextOptions, text: string): Promise<void> {
  await stderr.write(`${text.split('\n').map(printable).join('\n')}\n`).catch(() => undefined)
}

/**
 * Writes a whole result. If the reader closed the output, as `head` and `grep -q` do, it needs no
 * more of it, and the command has done its work.
 */
async function writeResult({ stdout, onUnread }: ContextOptions, text: string): Promise<void> {
  try {
    await stdout.write(text)
  } catch (error) {
    if (!cliError.is(error, 'cli.output-closed')) throw error
    onUnread()
  }
}

async function printList<Row>(options: ContextOptions, result: ListResult<Row>): Promise<void> {
  const { globals } = options
  const { formatList } = await import('../terminal/output.ts')
  const text = await formatList(globals.output, result, screenOf(options))
  if (text === '') {
    if (!globals.quiet) await writeNote(options, 'nothing to list')
  } else if (result.widths === undefined) await writeResult(options, text)
  // More parts of the list follow, so a closed output ends the command.
  else await options.stdout.write(text)
}

function screenOf({ stdout, env }: ContextOptions): Screen | undefined {
  const columns = stdout.isTTY ? stdout.columns : Number(env['MUSTER_COLUMNS'] || Number.NaN)
  return columns >= 1 ? { columns, now: systemClock.now() } : undefined
}

function progressMode({ globals, stderr, env }: ContextOptions): ProgressMode {
  if (globals.quiet) return 'none'
  const terminal = stderr.isTTY && env.TERM !== 'dumb' && (env.CI ?? '') === ''
  if (terminal) return stderr.style('red', 'x') === 'x' ? 'line' : 'tty'
  return globals.output === 'json' ? 'json' : 'plain'
}

async function loadFor(options: ContextOptions, home: string, uid: number): Promise<Config> {
  const [{ findConfigFile }, { loadConfig }] = await Promise.all([
    import('../../shared/config/home.ts'),
    import('../../shared/config/load.ts'),
  ])
  const file = await findConfigFile({ flag: options.globals.config, env: options.env, home })
  return loadConfig({ env: options.env, uid, protect: options.redactor.protect }, { file, home })
}

async function createLog({ globals, stderr, redactor }: ContextOptions): Promise<Logger> {
  const { createLogger } = await import('../../shared/logger.ts')
  const level = globals.verbose ? 'debug' : globals.quiet ? 'warn' : 'info'
  const color = stderr.style('red', 'x') !== 'x'
  return createLogger(
    { clock: systemClock, redactor },
    { level, format: stderr.isTTY ? 'pretty' : 'json', color },
  )
}
