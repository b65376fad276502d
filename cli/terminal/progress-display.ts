/** Shows progress in several modes. Each mode has one display. */
import { clipText, width } from '../../shared/text-width.ts'
import {
  barLine,
  fitParts,
  progressDetails,
  progressHead,
  type ProgressState,
} from './progress-text.ts'
import { printable, type Sink } from './sink.ts'

/**
 * `tty`: two lines and a bar. `line`: one line without escape sequences, for a user who wants no
 * colours.
 */
export type ProgressMode = 'tty' | 'line' | 'plain' | 'json' | 'none'

export interface DisplayOptions {
  readonly what: string
  readonly unit: string
  readonly mode: ProgressMode
}

export interface ProgressDisplay {
  /** The time between two updates. Undefined for no updates. */
  readonly everyMs: number | undefined
  /** Called after a log line, which removed the progress from the screen. */
  readonly redraws: boolean
  show(state: ProgressState, rate: number): void
  log(line: string): void
  end(last: string | undefined): void
}

/** A shorter time would use more CPU time. With a longer one, the display would seem to stop. */
const REDRAW_MS = 100
/** A log file gets one line in each interval of this length. */
const PLAIN_MS = 10_000
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'

type Write = (text: string) => void

export function openDisplay(sink: Sink, options: DisplayOptions): ProgressDisplay {
  const write: Write = (text) => {
    // A closed output ends the display, but the work continues.
    void sink.write(text).catch(() => undefined)
  }
  switch (options.mode) {
    case 'tty':
      return barDisplay(sink, options, write)
    case 'line':
      return oneLineDisplay(sink, options, write)
    case 'plain':
      return plainDisplay(options, write)
    case 'json':
      return jsonDisplay(options, write)
    case 'none':
      return NO_DISPLAY
    default:
      return options.mode satisfies never
  }
}

const NO_DISPLAY: ProgressDisplay = {
  everyMs: undefined,
  redraws: false,
  show: () => undefined,
  log: () => undefined,
  end: () => undefined,
}

/** Redraws two lines in place. */
function barDisplay(sink: Sink, options: DisplayOptions, write: Write): ProgressDisplay {
  let drawn: readonly string[] = []
  const clear = (): string => {
    // The terminal wraps lines that are longer than its present width.
    const rows = drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(width(line) / sink.columns)),
      0,
    )
    drawn = []
    return rows === 0 ? '' : `\x1b[${rows}A\x1b[0J`
  }
  const showCursor = (): void => {
    process.stderr.write(SHOW_CURSOR)
  }
  write(HIDE_CURSOR)
  process.once('exit', showCursor)
  return {
    everyMs: REDRAW_MS,
    redraws: true,
    show(state, rate) {
      // Some terminals wrap a line that fills the last column.
      const columns = sink.columns - 1
      const details = progressDetails(state, rate)
      const lines = [clipText(progressHead(options, state), columns)]
      if (details.length > 0) lines.push(barLine(sink, state, details, columns))
      write(clear() + textOf(lines))
      drawn = lines.map(withoutStyles)
    },
    log: (line) => write(clear() + textOf([printable(line)])),
    end(last) {
      write(clear() + SHOW_CURSOR)
      process.removeListener('exit', showCursor)
      if (last !== undefined) write(textOf([printable(last)]))
    },
  }
}

/** Overwrites one line with blanks and a carriage return. */
function oneLineDisplay(sink: Sink, options: DisplayOptions, write: Write): ProgressDisplay {
  let drawn = ''
  const clear = (): string => {
    const blanks = drawn === '' ? '' : `\r${' '.repeat(width(drawn))}\r`
    drawn = ''
    return blanks
  }
  return {
    everyMs: REDRAW_MS,
    redraws: true,
    show(state, rate) {
      const parts = [progressHead(options, state), ...progressDetails(state, rate)]
      const line = fitParts(parts, sink.columns - 1)
      write(clear() + line)
      drawn = line
    },
    log: (line) => write(clear() + textOf([printable(line)])),
    end(last) {
      write(clear())
      if (last !== undefined) write(textOf([printable(last)]))
    },
  }
}

function plainDisplay(options: DisplayOptions, write: Write): ProgressDisplay {
  return {
    everyMs: PLAIN_MS,
    redraws: false,
    show: (state, rate) =>
      write(textOf([[progressHead(options, state), ...progressDetails(state, rate)].join(' ')])),
    log: (line) => write(textOf([printable(line)])),
    end(last) {
      if (last !== undefined) write(textOf([printable(last)]))
    },
  }
}

function jsonDisplay({ what }: DisplayOptions, write: Write): ProgressDisplay {
  const object = (value: object): void => write(textOf([JSON.stringify(value)]))
  return {
    everyMs: PLAIN_MS,
    redraws: false,
    show: ({ phase, bytes: done, total, count, of }) =>
      object({ type: 'progress', what, phase, done, total, count, of }),
    log: (text) => object({ type: 'note', what, text }),
    end: () => undefined,
  }
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** Returns the text without the styles of {@link Sink.style}. */
function withoutStyles(text: string): string {
  return text.replace(/\x1b\[[0-9;]*m/g, '')
}
