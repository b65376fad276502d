/** Makes the texts of a progress display: its head, the details, the bar. */
import { clipText, width } from '../../shared/text-width.ts'
import { formatDuration, formatSize } from '../../shared/units.ts'
import { printable, type Sink } from './sink.ts'

/** The whole work since its start. A total of zero is not known yet. */
export interface ProgressState {
  readonly phase: string
  readonly count: number
  readonly of: number
  readonly bytes: number
  readonly total: number
}

/** A longer estimate means that the transfer has stopped, so no time is shown. */
const LONGEST_ETA_MS = 99 * 24 * 3_600_000
const MAX_BAR = 30
const MIN_BAR = 10

/** `epel9: packages 3/16 files` */
export function progressHead(
  { what, unit }: { readonly what: string; readonly unit: string },
  { phase, count, of }: ProgressState,
): string {
  return [
    `${printable(what)}:`,
    ...(phase === '' ? [] : [phase]),
    ...(of > 0 ? [`${count}/${of} ${unit}`] : []),
  ].join(' ')
}

/** Returns percentage, sizes, rate and remaining time, in this order. Empty if nothing is known. */
export function progressDetails({ bytes, total }: ProgressState, rate: number): string[] {
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

/** Joins as many parts as fit. The first part is cut if it is too long. */
export function fitParts(parts: readonly string[], columns: number): string {
  let text = clipText(parts[0] ?? '', columns)
  for (const part of parts.slice(1)) {
    if (width(text) + 1 + width(part) > columns) break
    text += ` ${part}`
  }
  return text
}

/** Returns the bar and the details that fit beside it. */
export function barLine(
  sink: Sink,
  { bytes, total }: ProgressState,
  details: readonly string[],
  columns: number,
): string {
  const text = fitParts(details, Math.max(1, columns - MIN_BAR - 3))
  if (total <= 0) return clipText(`  ${text}`, columns)
  const length = Math.min(MAX_BAR, columns - width(text) - 3)
  if (length < 1) return clipText(text, columns)
  const filled = Math.min(length, Math.max(0, Math.round((length * bytes) / total)))
  const done = sink.style('cyan', '━'.repeat(filled))
  const rest = sink.style('dim', '━'.repeat(length - filled))
  return `  ${done}${rest} ${text}`
}
