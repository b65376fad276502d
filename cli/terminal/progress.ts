/**
 * Progress of long work, on stderr: lines that are redrawn on a terminal, one line every ten
 * seconds elsewhere, JSON lines with -o json. The cursor comes back however the program ends.
 */
import type { Clock } from '../../shared/clock.ts'
import { clipText, width } from '../../shared/text-width.ts'
import { formatDuration, formatSize } from '../../shared/units.ts'
import { printable, type Sink } from './sink.ts'

export interface ProgressOptions {
  /** What is being done: the repository's name. */
  readonly what: string
  /** What is counted: `files`. */
  readonly unit: string
}

/** How far the work is, all of it since its start; a zero total is not known yet. */
export interface ProgressState {
  readonly phase: string
  readonly count: number
  readonly of: number
  readonly bytes: number
  readonly total: number
}

export interface Progress {
  state(now: ProgressState): void
  /** A line above the bar. */
  log(line: string): void
  /** Removes the bar and prints a last line. Idempotent. */
  stop(last?: string): void
}

/** `line`: a terminal where nothing may be sent but text, because its user wants no colours. */
export type ProgressMode = 'tty' | 'line' | 'plain' | 'json' | 'none'

/** Fast enough to look alive, slow enough to cost nothing. */
const REDRAW_MS = 100
/** As often as a reader of a log file may look for a new line. */
const PLAIN_MS = 10_000
/**
 * The rate forgets half of what it knew in about this time, so it follows a mirror that slows down.
 */
const RATE_HALF_LIFE_MS = 3_000
/** A shorter time between two measurements makes the rate jump. */
const MEASURE_MS = 500
/** A longer time is that of a transfer which stands still. */
const LONGEST_ETA_MS = 99 * 24 * 3_600_000
const MAX_BAR = 30
const MIN_BAR = 10
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'

export function createProgress(
  deps: { clock: Clock; sink: Sink },
  options: ProgressOptions & { mode: ProgressMode },
): Progress {
  const { clock, sink } = deps
  const { mode } = options
  const rate = createRate(clock)
  let state: ProgressState = { phase: '', count: 0, of: 0, bytes: 0, total: 0 }
  /** The lines that stand on the terminal now. */
  let drawn: readonly string[] = []
  let stopped = false

  const write = (text: string): void => {
    // A reader that went away ends the display, not the work.
    void sink.write(text).catch(() => undefined)
  }
  const measured = (): number => rate.measure(state.bytes)

  const clear = (): string => {
    const lines = drawn
    drawn = []
    if (lines.length === 0) return ''
    if (mode === 'line') return `\r${' '.repeat(width(lines[0] as string))}\r`
    // A terminal that was made narrower since has wrapped them.
    const rows = lines.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(width(line) / sink.columns)),
      0,
    )
    return `\x1b[${rows}A\x1b[0J`
  }

  const draw = (above = ''): void => {
    // The last column stays free: some terminals wrap as soon as it is used.
    const columns = sink.columns - 1
    const head = headOf(options, state)
    const rest = detailsOf(state, measured())
    const before = clear()
    if (mode === 'line') {
      const line = fit([head, ...rest], columns)
      write(`${before}${above}${line}`)
      drawn = [line]
      return
    }
    const bar = rest.length === 0 ? [] : [barLine(sink, state, rest, columns)]
    const lines = [clipText(head, columns), ...bar]
    write(`${before}${above}${lines.map((line) => `${line}\n`).join('')}`)
    drawn = lines.map(unstyled)
  }

  const tick = (): void => {
    if (mode === 'tty' || mode === 'line') draw()
    else if (mode === 'plain')
      write(`${[headOf(options, state), ...detailsOf(state, measured())].join(' ')}\n`)
    else
      write(
        `${JSON.stringify({ type: 'progress', what: options.what, phase: state.phase, done: state.bytes, total: state.total, count: state.count, of: state.of })}\n`,
      )
  }

  const showCursor = (): void => {
    process.stderr.write(SHOW_CURSOR)
  }
  const drawing = mode === 'tty' || mode === 'line'
  const stopTicking =
    mode === 'none' ? () => undefined : clock.every(drawing ? REDRAW_MS : PLAIN_MS, tick)
  if (mode === 'tty') {
    write(HIDE_CURSOR)
    process.once('exit', showCursor)
  }

  return {
    state: (now) => {
      state = { ...now, phase: printable(now.phase) }
    },
    log: (line) => {
      if (mode === 'none' || stopped) return
      if (drawing) draw(`${printable(line)}\n`)
      else if (mode === 'plain') write(`${printable(line)}\n`)
      else write(`${JSON.stringify({ type: 'note', what: options.what, text: line })}\n`)
    },
    stop: (last) => {
      if (stopped) return
      stopped = true
      stopTicking()
      if (drawing) write(clear())
      if (mode === 'tty') {
        write(SHOW_CURSOR)
        process.removeListener('exit', showCursor)
      }
      if (last !== undefined && (drawing || mode === 'plain')) write(`${printable(last)}\n`)
    },
  }
}

/** Bytes a second, smoothed. */
function createRate(clock: Clock): { measure(bytes: number): number } {
  let rate = 0
  let first = true
  let last = { at: clock.monotonic(), bytes: 0 }
  return {
    measure(bytes) {
      const now = clock.monotonic()
      const elapsed = now - last.at
      if (elapsed < MEASURE_MS) return rate
      const weight = first ? 0 : 0.5 ** (elapsed / RATE_HALF_LIFE_MS)
      // A file that is fetched again takes its bytes back.
      const moved = Math.max(0, bytes - last.bytes)
      rate = rate * weight + (moved / elapsed) * 1000 * (1 - weight)
      if (moved > 0) first = false
      last = { at: now, bytes }
      return rate
    },
  }
}

function headOf({ what, unit }: ProgressOptions, { phase, count, of }: ProgressState): string {
  return [
    `${printable(what)}:`,
    ...(phase === '' ? [] : [phase]),
    ...(of > 0 ? [`${count}/${of} ${unit}`] : []),
  ].join(' ')
}

/**
 * Percentage, sizes, rate and time left, the most important first; empty where nothing is known.
 */
function detailsOf({ bytes, total }: ProgressState, rate: number): string[] {
  if (total <= 0) return bytes > 0 ? [formatSize(bytes)] : []
  const left = Math.max(0, total - bytes)
  const ms = (left / rate) * 1000
  const eta = ms <= LONGEST_ETA_MS ? formatDuration(ms) : '-'
  return [
    `${Math.min(100, Math.floor((bytes / total) * 100))}%`,
    `${formatSize(bytes)}/${formatSize(total)}`,
    `${formatSize(Math.round(rate))}/s`,
    `ETA ${eta}`,
  ]
}

/** As many of the parts as fit, from the first; the first one is cut if it must be. */
function fit(parts: readonly string[], columns: number): string {
  let text = clipText(parts[0] ?? '', columns)
  for (const part of parts.slice(1)) {
    if (width(text) + 1 + width(part) > columns) break
    text += ` ${part}`
  }
  return text
}

function barLine(
  sink: Sink,
  { bytes, total }: ProgressState,
  parts: readonly string[],
  columns: number,
): string {
  const text = fit(parts, Math.max(1, columns - MIN_BAR - 3))
  if (total <= 0) return clipText(`  ${text}`, columns)
  const length = Math.min(MAX_BAR, columns - width(text) - 3)
  if (length < 1) return clipText(text, columns)
  const filled = Math.min(length, Math.max(0, Math.round((length * bytes) / total)))
  return `  ${sink.style('cyan', '━'.repeat(filled))}${sink.style('dim', '━'.repeat(length - filled))} ${text}`
}

/** The text without the styles that this module gave it. */
function unstyled(text: string): string {
  return text.replace(/\x1b\[[0-9;]*m/g, '')
}
