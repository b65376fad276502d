/**
 * Runs one command line: finds the command, parses its flags, calls its handler, and turns the
 * result or the error into an exit code.
 */
import { trustError } from '../../shared/trust/errors.ts'
import { EXIT } from '../../shared/exit-codes.ts'
import { MusterError } from '../../shared/errors.ts'
import { createRedactor, type Redactor } from '../../shared/redact.ts'
import { closest } from '../../shared/suggest.ts'
import type { Declaration, Registry } from './command.ts'
import { cliError } from '../terminal/errors.ts'
import { findInvocation, type Invocation } from './invocation.ts'
import type { Interrupts } from './interrupt.ts'
import type { Parsed } from './parse.ts'
import { reportError } from './report-error.ts'
import type { Sink } from '../terminal/sink.ts'
import { TOPIC_NAMES } from './topic-names.ts'

export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  readonly interrupts: Interrupts
  /** The error in the arguments. If it is set, no command runs. */
  readonly fault?: Error | undefined
}

/** Runs the command line and resolves to the exit code. Never rejects. */
export async function runProgram(
  registry: Registry,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const redactor = createRedactor()
  // Errors before the flags are parsed need these values.
  let report = { json: wantsJson(argv), verbose: argv.includes('-v') || argv.includes('--verbose') }
  try {
    terminal.interrupts.signal.throwIfAborted()
    if (terminal.fault !== undefined) throw terminal.fault
    const invocation = findInvocation(registry, argv, TOPIC_NAMES)
    if (invocation.kind === 'unknown') throw await unknownWord(registry, invocation)
    if (invocation.kind === 'topic') {
      const { TOPICS } = await import('./topics.ts')
      await terminal.stdout.write(TOPICS[invocation.topic]())
      return EXIT.done
    }
    if (invocation.kind === 'help') return await showHelp(registry, invocation, terminal)
    const { command } = await invocation.load()
    const { parseCommand } = await import('./parse.ts')
    const parsed = parseCommand(invocation.words, command, invocation.rest)
    if (parsed === 'help') {
      const { commandHelp } = await import('./help.ts')
      await terminal.stdout.write(commandHelp(invocation.words, command))
      return EXIT.done
    }
    report = { json: parsed.globals.output === 'json', verbose: parsed.globals.verbose }
    return await runHandler({ registry, command, parsed, redactor }, terminal)
  } catch (error) {
    return reportError(
      endOf(error, terminal.interrupts.signal),
      { stderr: terminal.stderr, redactor },
      report,
    )
  }
}

async function showHelp(
  registry: Registry,
  { words, asked }: Extract<Invocation, { kind: 'help' }>,
  { stdout, stderr }: Terminal,
): Promise<number> {
  const page = await helpPage(registry, words)
  if (asked) {
    await stdout.write(page)
    return EXIT.done
  }
  await stderr.write(page)
  throw cliError('cli.usage', {
    reason: `\`muster ${words.join(' ')}\` needs a command`,
    hint: 'choose one of the commands above',
  })
}

function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, index) =>
      /^(-o=?json|--output=json)$/.test(word) ||
      (word === 'json' && /^(-o|--output)$/.test(argv[index - 1] ?? '')),
  )
}

/** Returns the interrupt if it made the command fail, otherwise the failure. */
function endOf(error: unknown, signal: AbortSignal): unknown {
  // cli.detached is the error of an interrupt. It names the work that continues.
  if (!signal.aborted || cliError.is(error, 'cli.detached')) return error
  for (let at = error; at instanceof Error; at = at.cause)
    if (at === signal.reason) return signal.reason
  return error instanceof MusterError ? error : signal.reason
}

interface Prepared {
  readonly registry: Registry
  readonly command: Declaration
  readonly parsed: Parsed
  readonly redactor: Redactor
}

async function runHandler(
  { registry, command, parsed, redactor }: Prepared,
  terminal: Terminal,
): Promise<number> {
  const [{ createContext }, { handle }] = await Promise.all([
    import('./context.ts'),
    command.handler(),
  ])
  await requireConfigFile(parsed.globals.config)
  const { interrupts, fault: _, ...streams } = terminal
  const { signal } = interrupts
  let unread = false
  const onUnread = (): void => {
    unread = cliError.is(signal.reason, 'cli.output-closed')
  }
  const code = await handle(
    createContext({ ...parsed, ...streams, registry, redactor, signal, onUnread }),
  ).catch(async (error: unknown) => {
    if (!trustError.is(error, 'trust.denied')) throw error
    const { deniedFor } = await import('./denied.ts')
    throw deniedFor(error, { on: hostsOf(parsed), needs: command.needs })
  })
  if (typeof code === 'number') return code
  if (signal.aborted && !command.daemon && !unread) throw signal.reason
  return EXIT.done
}

/** Checks --config also for commands that read no configuration. @throws config.unreadable */
async function requireConfigFile(named: string | undefined): Promise<void> {
  if (named === undefined) return
  const [{ readConfigFile }, { resolve }] = await Promise.all([
    import('../../shared/config/files.ts'),
    import('node:path'),
  ])
  await readConfigFile(resolve(named), { uid: process.getuid?.() ?? 0, followLink: true })
}

/** Returns the hosts that the command line names. */
function hostsOf({ flags, args }: Parsed): readonly string[] {
  const { on } = flags
  if (Array.isArray(on)) return on.map(String)
  const { host } = args
  return typeof host === 'string' ? [host] : []
}

async function helpPage(registry: Registry, words: readonly string[]): Promise<string> {
  const { nounHelp, programHelp } = await import('./help.ts')
  const [noun] = words
  if (noun === undefined) return programHelp(registry, TOPIC_NAMES)
  const entry = registry[noun]
  if (entry === undefined || !('verbs' in entry)) return programHelp(registry, TOPIC_NAMES)
  const verbs = await Promise.all(
    Object.entries(entry.verbs).map(
      async ([verb, load]) => [verb, (await load()).command] as const,
    ),
  )
  return nounHelp(
    noun,
    entry.summary,
    verbs
      .filter(([, command]) => !command.hidden)
      .map(([verb, command]) => [verb, command.summary]),
  )
}

async function unknownWord(
  registry: Registry,
  { words, word }: Extract<Invocation, { kind: 'unknown' }>,
): Promise<Error> {
  const [{ PLANNED_COMMANDS }, { VERSION }] = await Promise.all([
    import('./planned-commands.ts'),
    import('../../shared/version.ts'),
  ])
  const command = [...words, word].join(' ')
  const instead = PLANNED_COMMANDS.get(command)
  if (instead !== undefined) return cliError('cli.not-yet', { command, version: VERSION, instead })
  const entry = words[0] === undefined ? undefined : registry[words[0]]
  const known =
    entry !== undefined && 'verbs' in entry ? Object.keys(entry.verbs) : Object.keys(registry)
  const meant = closest(word, known)
  const noun = ['muster', ...words].join(' ')
  const help = `see \`${noun} --help\``
  const of = words.length === 0 ? '' : ` of ${noun}`
  return cliError('cli.usage', {
    reason: `${JSON.stringify(word)} is not a command${of}`,
    hint: meant === undefined ? help : `did you mean \`${noun} ${meant}\`? ${help}`,
  })
}
