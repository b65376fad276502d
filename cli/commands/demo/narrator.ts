/** Writes the demo's headings, sentences, commands and their output to stderr. Silent with -q. */
import type { CommandContext } from '../../program/handler.ts'
import { wrapText } from '../../../shared/wrap-text.ts'
import { printable, type Sink } from '../../terminal/sink.ts'

/** Text below a heading is indented. */
const INDENT = '  '
/** The output of a step is cut after this many lines. */
const MAX_LINES = 14

type Context = CommandContext<unknown, unknown>

export interface Narrator {
  heading(text: string): Promise<void>
  /** Wraps the text to the width of the terminal. */
  sentence(text: string): Promise<void>
  /** Writes a command after a prompt. The prompt of a host contains the host's name. */
  command(words: readonly string[], host?: string): Promise<void>
  /** Writes the output of a command. Long output is cut. */
  output(text: string): Promise<void>
}

export function createNarrator(context: Context): Narrator {
  const { stderr } = context
  return {
    heading: (text) => writeStyled(context, 'cyan', { before: '\n', text }),
    sentence(text) {
      const lines = wrapText(text, innerColumns(stderr) ?? Number.POSITIVE_INFINITY)
      return context.note(lines.map((line) => INDENT + line).join('\n'))
    },
    command(words, host) {
      const prompt = host === undefined ? '$' : `${host} $`
      const text = `${prompt} muster ${words.map(quotedWord).join(' ')}`
      return writeStyled(context, 'bold', { before: INDENT, text })
    },
    async output(text) {
      for (const line of cutLines(text)) await context.note(INDENT + line)
    },
  }
}

/** Returns the columns that the indent leaves. Undefined if stderr is not a terminal. */
export function innerColumns(stderr: Sink): number | undefined {
  return stderr.isTTY ? stderr.columns - INDENT.length : undefined
}

/** Bypasses note(), which would make the escape sequences of the style visible. */
async function writeStyled(
  { globals, stderr }: Context,
  format: 'bold' | 'cyan',
  { before, text }: { before: string; text: string },
): Promise<void> {
  if (globals.quiet) return
  await stderr.write(`${before}${stderr.style(format, printable(text))}\n`).catch(() => undefined)
}

function quotedWord(word: string): string {
  return /^[\w@%+=:,./…-]+$/.test(word) ? word : `'${word}'`
}

function cutLines(text: string): string[] {
  const lines = text.trimEnd().split('\n')
  const shown = lines.slice(0, MAX_LINES).filter((line) => line !== '')
  const rest = lines.length - MAX_LINES
  return rest > 0 ? [...shown, `… and ${rest} more lines`] : shown
}
