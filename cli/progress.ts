/**
 * Progress of long work, on stderr: bars that are redrawn on a terminal, one line every ten seconds elsewhere, JSON lines with -o json.
 * The cursor comes back however the program ends.
 */
import type { Clock } from '../shared/clock.ts'
import { formatDuration, formatSize } from '../shared/units.ts'
import { printable, type Sink } from './sink.ts'

export interface ProgressOptions {
  /** What is being done: the repository's name. */
  readonly what: string
  /** What is counted: `files`. */
  readonly unit: string
}

export interface Progress {
  /** What is known of the whole so far; may grow while the work goes on. `phase` names it: `reading metadata`. */
  total(known: { count?: number; bytes?: number; phase?: string }): void
  /** One item has moved on: `done` of `size` bytes. The first call for an id begins it. */
  update(id: string, item: { name: string; done: number; size: number }): void
  /** The item is done; `bytes` of it count towards the total. */
  finish(id: string, bytes?: number): void
  /** A line above the bars. */
  log(line: string): void
  /** Removes the bars and prints a last line. Idempotent. */
  stop(last?: string): void
}

export type ProgressMode = 'tty' | 'plain' | 'json' | 'none'

/** Fast enough to look alive, slow enough to cost nothing. */
const REDRAW_MS = 100
/** A log file gets a line as often as somebody might look for one. */
const PLAIN_MS = 10_000
/** The rate forgets half of what it knew in about this time, so it follows a mirror that slows down. */
const RATE_HALF_LIFE_MS = 3_000
const MAX_BARS = 6
const BAR_WIDTH = 20

interface Item {
  readonly name: string
  readonly done: number
  readonly size: number
}

export function createProgress(
  deps: { clock: Clock; sink: Sink },
  options: ProgressOptions & { mode: ProgressMode },
): Progress {
  const { clock, sink } = deps
  const { mode } = options
  const items = new Map<string, Item>()
  const whole = { count: 0, bytes: 0, phase: '' }
  let finished = 0
  let bytes = 0
  let drawnLines = 0
  let stopped = false
  let rate = 0
  let measured = { at: clock.monotonic(), bytes: 0 }

  const write = (text: string): void => {
    // A reader that went away ends the display, not the work.
    void sink.write(text).catch(() => undefined)
  }

  const measure = (): void => {
    const now = clock.monotonic()
    const elapsed = now - measured.at
    if (elapsed < 500) return
    const weight = measured.bytes === 0 && rate === 0 ? 0 : 0.5 ** (elapsed / RATE_HALF_LIFE_MS)
    rate = rate * weight + ((bytes - measured.bytes) / elapsed) * 1000 * (1 - weight)
    measured = { at: now, bytes }
  }

  const summary = (): string => {
    measure()
    const parts = [`${options.what}:`]
    if (whole.phase !== '') parts.push(whole.phase)
    if (whole.count > 0) parts.push(`${finished}/${whole.count} ${options.unit}`)
    if (whole.bytes > 0) {
      const left = rate > 0 ? formatDuration(((whole.bytes - bytes) / rate) * 1000) : '-'
      const percent = Math.min(100, Math.floor((bytes / whole.bytes) * 100))
      parts.push(
        `${formatSize(bytes)}/${formatSize(whole.bytes)} ${percent}% ${formatSize(Math.round(rate))}/s ETA ${left}`,
      )
    } else if (bytes > 0) parts.push(formatSize(bytes))
    return parts.join(' ')
  }

  const bar = (item: Item, width: number): string => {
    const filled =
      item.size === 0
        ? BAR_WIDTH
        : Math.min(BAR_WIDTH, Math.round((BAR_WIDTH * item.done) / item.size))
    const name = printable(item.name)
    const shown = name.length > width ? `${name.slice(0, width - 1)}…` : name.padEnd(width)
    return `  ${shown} ${sink.style('cyan', '━'.repeat(filled))}${sink.style('dim', '━'.repeat(BAR_WIDTH - filled))} ${formatSize(item.done).padStart(9)}`
  }

  const clear = (): string => {
    const text = drawnLines > 0 ? `\x1b[${drawnLines}A\x1b[0J` : ''
    drawnLines = 0
    return text
  }

  const draw = (above = ''): void => {
    const width = Math.max(12, sink.columns - BAR_WIDTH - 16)
    const bars = [...items.values()].slice(0, MAX_BARS).map((item) => bar(item, width))
    if (items.size > MAX_BARS) bars.push(`  … and ${items.size - MAX_BARS} more`)
    const lines = [...bars, summary().slice(0, Math.max(20, sink.columns - 1))]
    write(`${clear()}${above}${lines.join('\n')}\n`)
    drawnLines = lines.length
  }

  const tick = (): void => {
    if (mode === 'tty') draw()
    else if (mode === 'plain') write(`${summary()}\n`)
    else
      write(
        `${JSON.stringify({ type: 'progress', what: options.what, phase: whole.phase, done: bytes, total: whole.bytes, count: finished, of: whole.count })}\n`,
      )
  }

  const showCursor = (): void => {
    process.stderr.write('\x1b[?25h')
  }
  const stopTicking =
    mode === 'none' ? () => undefined : clock.every(mode === 'tty' ? REDRAW_MS : PLAIN_MS, tick)
  if (mode === 'tty') {
    write('\x1b[?25l')
    process.once('exit', showCursor)
  }

  return {
    total: (known) => {
      Object.assign(whole, known)
    },
    update: (id, item) => {
      bytes += item.done - (items.get(id)?.done ?? 0)
      items.set(id, item)
    },
    finish: (id, size) => {
      const item = items.get(id)
      if (size !== undefined) bytes += size - (item?.done ?? 0)
      items.delete(id)
      finished += 1
    },
    log: (line) => {
      if (mode === 'none' || stopped) return
      if (mode === 'tty') draw(`${clear()}${printable(line)}\n`)
      else if (mode === 'plain') write(`${printable(line)}\n`)
      else write(`${JSON.stringify({ type: 'note', what: options.what, text: line })}\n`)
    },
    stop: (last) => {
      if (stopped) return
      stopped = true
      stopTicking()
      if (mode === 'tty') {
        write(`${clear()}\x1b[?25h`)
        process.removeListener('exit', showCursor)
      }
      if (last !== undefined && (mode === 'tty' || mode === 'plain')) write(`${printable(last)}\n`)
    },
  }
}
