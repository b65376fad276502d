/** Errors of collecting and storing facts. */
import { defineErrors } from '../../shared/errors.ts'

export const collectError = defineErrors({
  'facts.unknown': {
    exit: 'failed',
    message: (d: { reason: string }) => `the packages of this host are unknown: ${d.reason}`,
    hint: () => 'run `muster agent list`, which shows this host with the reason',
  },
  'facts.incomplete': {
    exit: 'failed',
    retryable: true,
    message: (d: { problems: readonly string[]; doubted: readonly string[] }) =>
      `the packages of this host were not all read: ${d.problems.join('; ')}`,
    hint: (d: { doubted: readonly string[] }) =>
      d.doubted.length === 0
        ? 'repair the package database, then run `muster agent facts --once` again'
        : `repair the package database; if its packages are really gone, run \`muster agent facts \
--once --accept ${d.doubted.join(' --accept ')}\` on this host`,
  },
  'facts.unknown-manager': {
    exit: 'usage',
    message: (d: { manager: string; managers: readonly string[] }) =>
      `can't accept the packages of ${JSON.stringify(d.manager)}: this host has no such package \
manager (expected ${d.managers.join(' or ') || 'none, because none was found'})`,
  },
  'facts.not-in-doubt': {
    exit: 'usage',
    message: (d: { manager: string; managers: readonly string[] }) =>
      `can't accept the packages of ${d.manager}: nothing about them is in doubt \
(in doubt: ${d.managers.join(', ') || 'none'})`,
    hint: () => 'run `muster agent facts --once`',
  },
  'facts.not-acceptable': {
    exit: 'failed',
    retryable: true,
    message: (d: { manager: string; path: string; reason: string }) =>
      `can't accept the packages of ${d.manager}: its database ${d.path} can't be read: \
${d.reason}`,
    hint: (d: { path: string }) =>
      `repair ${d.path}, or move it away if its package manager is not used here`,
  },
  'facts.journal': {
    exit: 'failed',
    message: (d: { path: string; reason: string }) =>
      `the facts journal ${d.path} can't be used: ${d.reason}`,
    hint: () => 'free space or repair the disk, then restart the agent',
  },
  'facts.epoch': {
    exit: 'verification',
    message: (d: { asked: number; own: number }) =>
      `a coordinator asked for epoch ${d.asked} of this host's facts, too far above epoch ${d.own}`,
    hint: () => 'run `muster audit verify` on that coordinator; its data may be damaged',
  },
})

/** Returns true if `accept` was refused. That is not a problem of the host. */
export function isRefusedAccept(error: unknown): boolean {
  return (
    collectError.is(error, 'facts.unknown-manager') ||
    collectError.is(error, 'facts.not-in-doubt') ||
    collectError.is(error, 'facts.not-acceptable')
  )
}
