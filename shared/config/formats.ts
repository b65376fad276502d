/**
 * Formats of configuration values. Each message states the expected form. The loader adds the
 * actual value.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'

/** A multiaddr that a node can listen on: a local address and a TCP port. */
export const multiaddr = z.string().refine(
  (text) => {
    const match = /^\/(ip4|ip6|dns4|dns6)\/([^/\s]{1,253})\/tcp\/(\d{1,5})$/.exec(text)
    const [, protocol, host = '', port] = match ?? []
    if (protocol === undefined || Number(port) > 65_535) return false
    if (protocol === 'ip4') return isIPv4(host)
    return protocol === 'ip6' ? isIPv6(host) && !host.includes('%') : true
  },
  { error: 'expected a multiaddr with a TCP port, such as /ip4/0.0.0.0/tcp/8470' },
)

/** `HOST:PORT`, IPv6 in brackets. Port 0 selects any free port. */
export const hostPort = z.string().refine(
  (text) => {
    const match = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text)
    return match !== null && Number(match[1]) <= 65_535
  },
  { error: 'expected HOST:PORT, such as 127.0.0.1:8480 or [::1]:8480' },
)

export const httpUrl = z
  .string()
  .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), {
    error: 'expected an http or https URL',
  })

export const databaseUrl = z.string().regex(/^(sqlite:\/\/\/?[^/?#]|postgres(ql)?:\/\/)\S*/, {
  error:
    'expected sqlite:///absolute/path, sqlite://path/below/home or postgresql://user@host/database',
})

export const path = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes('\0'), { error: 'expected a path without NUL' })

/** Names are used in paths and URLs, so only characters that need no escaping are allowed. */
export const repositoryName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, {
  error:
    'expected 1 to 128 letters, digits, dots, dashes or underscores ' +
    'that begin with a letter or digit',
})

/**
 * A key's fingerprint: 40 (v4) or 64 (v6) hex digits. Short key ids can be forged and are rejected.
 */
export const openpgpFingerprint = z.string().regex(/^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/, {
  error: 'expected a whole fingerprint: 40 or 64 hex digits without blanks',
})

/**
 * Ranges of the five fields of crontab(5): minute, hour, day of the month, month, day of the week
 * (0 and 7 are Sunday).
 */
const CRON_FIELDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const

function isCronPart(part: string, low: number, high: number): boolean {
  const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part)
  if (match === null) return false
  const [from, to, step] = [match[1], match[2], match[3]].map((text) =>
    text === undefined ? undefined : Number(text),
  )
  const first = from ?? low
  const last = to ?? (from === undefined ? high : first)
  return first >= low && last <= high && first <= last && step !== 0
}

/**
 * Five crontab(5) fields of numbers, ranges, lists and steps. Names of days and months are
 * rejected.
 */
export const cron = z.string().refine(
  (text) => {
    const fields = text.trim().split(/\s+/)
    if (fields.length !== CRON_FIELDS.length) return false
    return CRON_FIELDS.every(([low, high], index) =>
      (fields[index] ?? '').split(',').every((part) => isCronPart(part, low, high)),
    )
  },
  { error: 'expected five crontab fields, such as "0 2 * * *"' },
)
