/** Parses and formats sizes and durations. */
import { defineErrors } from './errors.ts'

export const unitError = defineErrors({
  'unit.malformed': {
    exit: 'usage',
    message: (d: { kind: string; got: string; example: string }) =>
      `${JSON.stringify(d.got)} is not a ${d.kind}, such as ${d.example}`,
  },
})

export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB

const SIZE: Record<string, number> = { '': 1, B: 1, K: KIB, M: MIB, G: GIB, T: 1024 * GIB }
const DURATION: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Parses `512M`, `64KiB`, `10G` or `1000` to bytes. Units are powers of 1024. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([BKMGT]?)(?:i?B)?$/i.exec(text)
  const bytes = match
    ? Number(match[1]) * (SIZE[(match[2] ?? '').toUpperCase()] ?? Number.NaN)
    : Number.NaN
  if (!Number.isSafeInteger(Math.round(bytes)))
    throw unitError('unit.malformed', { kind: 'size', got: text, example: '512M or 10G' })
  return Math.round(bytes)
}

/**
 * Parses `90s`, `15m`, `2h`, `30d` or `250ms` to milliseconds. A number without a unit is in
 * seconds.
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text)
  const ms = match ? Number(match[1]) * (DURATION[match[2] ?? 's'] ?? Number.NaN) : Number.NaN
  if (!Number.isSafeInteger(Math.round(ms)))
    throw unitError('unit.malformed', { kind: 'duration', got: text, example: '10s, 15m or 30d' })
  return Math.round(ms)
}

/** Formats bytes in binary units with at most three digits: `4.2 GiB`, `17 B`. */
export function formatSize(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes / KIB
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= KIB
    unit += 1
  }
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`
}

/** Formats a duration in its two largest units: `3m 12s`, `0.4s`, `2d 3h`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)}s`
  const total = Math.round(seconds)
  const [d, h, m, s] = [
    Math.floor(total / 86_400),
    Math.floor(total / 3600) % 24,
    Math.floor(total / 60) % 60,
    total % 60,
  ]
  if (d > 0) return `${d}d ${h}h`
  if (h > 0) return `${h}h ${m}m`
  if (m > 0) return `${m}m ${s}s`
  return `${s}s`
}
