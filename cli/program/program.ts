/**
 * One run of the command line: finds the command, parses its flags, calls its handler, and turns
 * the end of it into an exit code.
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

/** Kept here by name so that the first help page loads no topic. */
export const TOPIC_NAMES = ['config', 'environment', 'exit-codes', 'output'] as const

export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Sink
  readonly stderr: Sink
  readonly env: Readonly<Record<string, string | undefined>>
  readonly interrupts: Interrupts
  /** What makes these arguments unusable: no command is looked for. */
  readonly fault?: Error | undefined
}

/** Runs the command line and resolves to the exit code. Never rejects. */
export async function runProgram(
  registry: Registry,
  argv: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const redactor = createRedactor()
  // Until the flags are parsed, the words themselves say how an error should look.
  let report = { json: wantsJson(argv), verbose: argv.includes('-v') || argv.includes('--verbose') }
  try {
    terminal.interrupts.signal.throwIfAborted()
    if (terminal.fault !== undefined) throw terminal.fault
    const invocation = findInvocation(registry, argv, TOPIC_NAMES)
    if (invocation.kind === 'unknown') throw await unknownWord(registry, invocation)
    if (invocation.kind === 'topic') {
      const { TOPICS } = await import('./topics.ts')
      await terminal.stdout.write((TOPICS[invocation.topic] as () => string)())
      return EXIT.done
    }
    if (invocation.kind === 'help') {
      const page = await helpPage(registry, invocation.words)
      if (invocation.asked) {
        await terminal.stdout.write(page)
        return EXIT.done
      }
      await terminal.stderr.write(page)
      throw cliError('cli.usage', {
        reason: `\`muster ${invocation.words.join(' ')}\` needs a command`,
        hint: 'choose one of those above',
      })
    }
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

function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, index) =>
      /^(-o=?json|--output=json)$/.test(word) ||
      (word === 'json' && /^(-o|--output)$/.test(argv[index - 1] ?? '')),
  )
}

/** What to report: the interrupt, if that is what made the command fail; otherwise the failure. */
function endOf(error: unknown, signal: AbortSignal): unknown {
  // An interrupt that says what goes on without this command.
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
  const code = await handle(
    createContext({ ...parsed, ...streams, registry, redactor, signal: interrupts.signal }),
  ).catch(async (error: unknown) => {
    if (!trustError.is(error, 'trust.denied')) throw error
    const { deniedFor } = await import('./denied.ts')
    throw deniedFor(error, { on: hostsOf(parsed), needs: command.needs })
  })
  if (typeof code === 'number') return code
  if (interrupts.signal.aborted && !command.daemon) throw interrupts.signal.reason
  return EXIT.done
}

/**
 * A command that reads no configuration would pass over a wrong --config. @throws config.unreadable
 */
async function requireConfigFile(named: string | undefined): Promise<void> {
  if (named === undefined) return
  const [{ readConfigFile }, { resolve }] = await Promise.all([
    import('../../shared/config/files.ts'),
    import('node:path'),
  ])
  await readConfigFile(resolve(named), { uid: process.getuid?.() ?? 0, followLink: true })
}

/** The hosts that the command line names. */
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
  if (Object.hasOwn(PLANNED_COMMANDS, command))
    return cliError('cli.not-yet', {
      command,
      version: VERSION,
      instead: PLANNED_COMMANDS[command] as string,
    })
  const entry = words[0] === undefined ? undefined : registry[words[0]]
  const known =
    entry !== undefined && 'verbs' in entry ? Object.keys(entry.verbs) : Object.keys(registry)
  const meant = closest(word, known)
  const help = `see \`${['muster', ...words].join(' ')} --help\``
  return cliError('cli.usage', {
    reason: `${JSON.stringify(word)} is not a command${words.length === 0 ? '' : ` of muster ${words.join(' ')}`}`,
    hint:
      meant === undefined
        ? help
        : `did you mean \`${['muster', ...words, meant].join(' ')}\`? ${help}`,
  })
}
