/**
 * A program with test commands that wait, write endless output, fail, or leave handles open. Tests
 * run it as a real process, with real signals, pipes and exit codes. It does not load the real
 * registry.
 */
import { open } from 'node:fs/promises'
import { defineCommand, type Registry } from '../program/command.ts'
import type { CommandContext } from '../program/handler.ts'
import { openOperatorKey } from '../session/operator-key.ts'
import { readLine } from '../terminal/read-line.ts'
import { start } from '../program/start.ts'

type Handler = (context: CommandContext) => Promise<number | void>

const command =
  (handle: Handler, more: { daemon?: true; passThrough?: true } = {}) =>
  async () => ({
    command: defineCommand({
      summary: 'for tests',
      flags: {
        on: { type: 'list', value: 'HOST', summary: 'a host' },
        env: { type: 'pairs', value: 'K=V', summary: 'a variable' },
        memory: { type: 'size', value: 'SIZE', summary: 'a size' },
        timeout: { type: 'duration', value: 'TIME', summary: 'a time', default: 1000 },
        level: {
          type: 'choice',
          value: 'LEVEL',
          choices: ['observe', 'control'],
          summary: 'a choice',
        },
        count: { type: 'integer', value: 'N', summary: 'a number', min: 1, max: 9 },
        yes: { type: 'boolean', summary: 'an answer' },
      },
      ...(more.passThrough === true
        ? { arguments: { command: { summary: 'words', variadic: true } } }
        : { arguments: { word: { summary: 'a word', optional: true } } }),
      examples: [{ command: 'muster x', does: 'x' }],
      ...more,
      handler: async () => ({ handle }),
    }),
  })

/** A time that is longer than any test. The timer keeps the process alive. */
const FOREVER_MS = 3_600_000
const aborted = ({ clock, signal }: CommandContext): Promise<void> =>
  clock.sleep(FOREVER_MS, signal)

const testRegistry: Registry = {
  /** Prints its flags and arguments. */
  echo: {
    summary: 'x',
    command: command(async (c) =>
      c.stdout.write(`${JSON.stringify({ flags: c.flags, args: c.args, globals: c.globals })}\n`),
    ),
  },
  pass: {
    summary: 'x',
    command: command(
      async (c) => c.stdout.write(`${JSON.stringify({ flags: c.flags, args: c.args })}\n`),
      { passThrough: true },
    ),
  },
  /** Waits for an interrupt and then cleans up. */
  wait: {
    summary: 'x',
    command: command(async (c) => {
      await c.stdout.write('waiting\n')
      try {
        await aborted(c)
      } finally {
        await c.stdout.write('cleaned up\n')
      }
    }),
  },
  /** Reads a line from standard input. */
  line: {
    summary: 'x',
    command: command(async (c) => {
      await c.stdout.write('reading\n')
      await c.stdout.write(`${JSON.stringify(await readLine(c, 'word'))}\n`)
    }),
  },
  /** Ignores the abort signal. */
  stubborn: {
    summary: 'x',
    command: command(async (c) => {
      await c.stdout.write('waiting\n')
      await c.clock.sleep(FOREVER_MS)
    }),
  },
  daemon: {
    summary: 'x',
    command: command(
      async (c) => {
        const log = await c.log()
        log.info({ password: 'canary-in-data' }, 'ready')
        await aborted(c).catch(() => undefined)
      },
      { daemon: true },
    ),
  },
  /** Writes more than the disk can store. */
  big: {
    summary: 'x',
    command: command(async (c) => c.stdout.write('x'.repeat(100_000))),
  },
  /** Prints a whole result. Its exit code is --count, or 0. */
  result: {
    summary: 'x',
    command: command(async (c) => {
      await c.printOne({ value: 1, fields: [['value', 1]], name: 'value/1' })
      return typeof c.flags['count'] === 'number' ? c.flags['count'] : undefined
    }),
  },
  /** Prints a whole result and then works until it is interrupted. */
  more: {
    summary: 'x',
    command: command(async (c) => {
      await c.printOne({ value: 1, fields: [['value', 1]], name: 'value/1' })
      await aborted(c)
    }),
  },
  /** Writes until the reader closes the pipe. */
  flood: {
    summary: 'x',
    command: command(async (c) => {
      for (;;) await c.stdout.write(`${'x'.repeat(1023)}\n`)
    }),
  },
  /** Fails with a secret in the message, in the cause and in its stack. */
  secret: {
    summary: 'x',
    command: command(async (c) => {
      c.redactor.protect('canary-told')
      throw new Error('canary-told postgresql://u:canary-in-url@h/d', {
        cause: new Error('authorization: Bearer canary-in-header'),
      })
    }),
  },
  defect: {
    summary: 'x',
    command: command(async (c) => {
      void Promise.reject(new Error('unhandled rejection'))
      await aborted(c)
    }),
  },
  /** Succeeds and leaves an open handle, which would keep the process alive. */
  leak: {
    summary: 'x',
    command: command(async () => {
      await open('/dev/null')
      process.stdin.resume()
    }),
  },
  /** Opens the key of --identity and then asks for a confirmation. */
  sign: {
    summary: 'x',
    command: command(async (c) => {
      const { fingerprint } = await openOperatorKey(c, c.globals.identity)
      await c.confirm('deletes everything', false)
      await c.stdout.write(`${fingerprint}\n`)
    }),
  },
  destroy: {
    summary: 'x',
    command: command(async (c) => c.confirm('deletes everything', c.flags.yes === true)),
  },
}

await start(testRegistry, process.argv.slice(2))
