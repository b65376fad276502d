/**
 * Runs a program in a real pseudo-terminal with a terminal emulator, which contains the visible
 * text without colours. `raw` has the bytes.
 */
import { defined } from '../../shared/defined.ts'
import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { systemClock } from '../../shared/clock.ts'

/** Long, because other tests run at the same time. */
const WITHIN_MS = 120_000
/** Time between two checks of the screen. */
const AGAIN_MS = 20
/** Rows of the terminal. Lines that scrolled out are kept. */
const ROWS = 24
const SCROLLBACK = 10_000

export interface ScreenOptions {
  readonly columns: number
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
}

export interface Screen {
  /** All lines, also those that scrolled out, without trailing blanks. */
  lines(): string[]
  /** The same, but lines that the terminal wrapped are joined. */
  unwrapped(): string[]
  /** The whole output of the program. */
  raw(): string
  /** Resolves with the first line that matches, as soon as there is one. */
  shows(wanted: RegExp): Promise<string>
  /** Resolves when the condition is true. */
  until(condition: () => boolean): Promise<void>
  /** Types keys. `\u0003` is Ctrl-C. */
  type(keys: string): void
  resize(columns: number): void
  readonly pid: number
  /**
   * Resolves after all output is on the screen. `signal` is not 0 if a signal ended the program.
   */
  readonly ended: Promise<{ code: number; signal: number }>
  /** All states of the screen so far, one for each change. */
  readonly frames: readonly string[][]
}

export function openScreen(line: readonly string[], options: ScreenOptions): Screen {
  const { columns } = options
  const terminal = new xterm.Terminal({
    cols: columns,
    rows: ROWS,
    scrollback: SCROLLBACK,
    allowProposedApi: true,
  })
  const [program, ...args] = line as [string, ...string[]]
  const clean = Object.fromEntries(
    Object.entries({ ...process.env, TERM: 'xterm-256color', ...options.env }).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        (!/^(MUSTER_|NO_COLOR$|FORCE_COLOR$|CI$|SSH_AUTH_SOCK$|NODE_TEST_CONTEXT$)/.test(
          entry[0],
        ) ||
          Object.hasOwn(options.env ?? {}, entry[0])),
    ),
  )
  const child = spawn(program, args, {
    cols: columns,
    rows: ROWS,
    env: { XDG_CONFIG_HOME: '/nonexistent', ...clean },
    ...defined({ cwd: options.cwd }),
  })
  let raw = ''
  const frames: string[][] = []
  let parsed: Promise<void> = Promise.resolve()
  child.onData((data) => {
    raw += data
    const before = parsed
    parsed = new Promise((resolve) =>
      terminal.write(data, () => {
        frames.push(read(false))
        void before.then(resolve)
      }),
    )
  })
  const read = (unwrap: boolean): string[] => {
    const { active } = terminal.buffer
    const lines: string[] = []
    for (let at = 0; at < active.length; at += 1) {
      const row = active.getLine(at)
      if (row === undefined) continue
      const text = row.translateToString(!unwrap || !(active.getLine(at + 1)?.isWrapped ?? false))
      if (unwrap && row.isWrapped) lines[lines.length - 1] += text
      else lines.push(text)
    }
    while (lines.length > 0 && lines.at(-1)?.trim() === '') lines.pop()
    return lines.map((text) => text.trimEnd())
  }
  const ended = new Promise<{ code: number; signal: number }>((resolve) =>
    child.onExit(({ exitCode, signal }) => {
      void parsed.then(() => {
        resolve({ code: exitCode, signal: signal ?? 0 })
      })
    }),
  )
  let over = false
  void ended.then(() => {
    over = true
  })
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    const deadline = systemClock.monotonic() + WITHIN_MS
    while (!condition()) {
      if (over || systemClock.monotonic() > deadline)
        throw new Error(`the terminal never showed ${what}:\n${read(false).join('\n')}`)
      await systemClock.sleep(AGAIN_MS)
    }
  }
  return {
    lines: () => read(false),
    unwrapped: () => read(true),
    raw: () => raw,
    frames,
    async shows(wanted) {
      let found: string | undefined
      await until(() => {
        found = read(true).find((text) => wanted.test(text))
        return found !== undefined
      }, String(wanted))
      return found ?? ''
    },
    until: (condition) => until(condition, 'what the test waits for'),
    type: (keys) => child.write(keys),
    resize(to) {
      terminal.resize(to, ROWS)
      child.resize(to, ROWS)
    },
    pid: child.pid,
    ended,
  }
}
