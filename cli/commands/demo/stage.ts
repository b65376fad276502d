/**
 * Shows what the demo does: each step as the command that a person would type, and what it printed.
 */
import { spawn } from 'node:child_process'
import type { CommandContext } from '../../program/handler.ts'
import { wrapText } from '../../../shared/wrap-text.ts'
import { printable } from '../../terminal/sink.ts'
import { type DemoFleet, processEnvironment } from './fleet.ts'
import { demoError } from './scratch.ts'

/** A step that has not ended by then hangs. */
const STEP_MS = 60_000
/** The node on whose home most of the tour acts. */
const COORDINATOR = 'coordinator'
/** Between two looks at something that is on its way. */
const AGAIN_MS = 200
/** In front of what belongs to a chapter. */
const INDENT = '  '
/** Lines of a step that are shown; the rest is counted. */
const MAX_LINES = 14

export interface StepOptions {
  /** Whose home it acts on. Default: the coordinator's. */
  readonly home?: string
  /** What is shown instead of the words, where they hold a secret. */
  readonly shown?: readonly string[]
  /** Shows the command and not its output. */
  readonly quiet?: boolean
}

export interface Stage {
  chapter(title: string): Promise<void>
  say(text: string): Promise<void>
  /**
   * Runs a command, shows it and what it printed, and gives its stdout. @throws demo.step unless it
   * ends with 0
   */
  muster(words: readonly string[], options?: StepOptions): Promise<string>
  /** Runs a command until it succeeds. */
  until(words: readonly string[]): Promise<string>
  get(url: string): Promise<string>
}

export function createStage(context: CommandContext<unknown, unknown>, fleet: DemoFleet): Stage {
  const { stderr, clock, signal } = context
  let chapters = 0
  const line = (text: string): Promise<void> => context.note(text)
  // Not by note(), which makes escapes visible: the style is ours, and the text inside it is not.
  const styled = async (
    format: 'bold' | 'cyan',
    { before, text }: { before: string; text: string },
  ): Promise<void> => {
    if (context.globals.quiet) return
    await stderr.write(`${before}${stderr.style(format, printable(text))}\n`).catch(() => undefined)
  }
  const prose = (text: string): Promise<void> => {
    const columns = stderr.isTTY ? stderr.columns - INDENT.length : Number.POSITIVE_INFINITY
    return line(
      wrapText(text, columns)
        .map((part) => INDENT + part)
        .join('\n'),
    )
  }

  const execute = (
    words: readonly string[],
    home: string,
  ): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve, reject) => {
      const env = {
        ...processEnvironment(context, fleet.environment(home)),
        // What it prints is shown on our terminal, with an indent.
        ...(stderr.isTTY ? { MUSTER_COLUMNS: String(stderr.columns - INDENT.length) } : {}),
      }
      const child = spawn(process.execPath, [process.argv[1] as string, ...words], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: STEP_MS,
        signal,
      })
      const [out, err]: [Buffer[], Buffer[]] = [[], []]
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
      child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
      child.once('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
      child.once('close', (code) =>
        resolve({
          code: code ?? 1,
          stdout: Buffer.concat(out).toString(),
          stderr: Buffer.concat(err).toString(),
        }),
      )
    })

  // Before the prompt, on which host it is typed.
  const show = async (words: readonly string[], home: string): Promise<void> => {
    const quoted = words
      .map((word) => (/^[\w@%+=:,./…-]+$/.test(word) ? word : `'${word}'`))
      .join(' ')
    const prompt = home === COORDINATOR ? '$' : `${home} $`
    await styled('bold', { before: INDENT, text: `${prompt} muster ${quoted}` })
  }
  const indent = async (text: string): Promise<void> => {
    const lines = text.trimEnd().split('\n')
    for (const shown of lines.slice(0, MAX_LINES)) if (shown !== '') await line(`  ${shown}`)
    if (lines.length > MAX_LINES) await line(`  … and ${lines.length - MAX_LINES} lines more`)
  }

  return {
    async chapter(title) {
      chapters += 1
      await styled('cyan', { before: '\n', text: `${chapters}. ${title}` })
    },
    say: prose,
    async muster(words, options = {}) {
      const { home = COORDINATOR } = options
      await show(options.shown ?? words, home)
      const { code, stdout, stderr: errors } = await execute(words, home)
      if (code !== 0)
        throw demoError('demo.step', {
          command: `muster ${(options.shown ?? words).join(' ')}`,
          code,
          output: (errors || stdout).trimEnd(),
        })
      if (options.quiet !== true) await indent(stdout || errors)
      return stdout
    },
    async until(words) {
      await show(words, COORDINATOR)
      const deadline = clock.monotonic() + STEP_MS
      for (;;) {
        const { code, stdout, stderr: errors } = await execute(words, COORDINATOR)
        if (code === 0) return stdout
        if (clock.monotonic() > deadline)
          throw demoError('demo.step', {
            command: `muster ${words.join(' ')}`,
            code,
            output: errors.trimEnd(),
          })
        await clock.sleep(AGAIN_MS, signal)
      }
    },
    async get(url) {
      const response = await fetch(url, {
        signal: AbortSignal.any([signal, clock.timeout(STEP_MS)]),
      })
      const text = await response.text()
      if (!response.ok)
        throw demoError('demo.step', { command: `GET ${url}`, code: response.status, output: text })
      return text
    },
  }
}
