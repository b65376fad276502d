/** Errors of a whole fetch. Errors of a single provider have blob.* or protocol.* codes. */
import { defineErrors } from '../../shared/errors.ts'

export const transferError = defineErrors({
  'transfer.incomplete': {
    exit: 'unreachable',
    retryable: true,
    message: (d: {
      id: string
      missing: number
      size: number
      providers: number
      reason: string
    }) =>
      `blob ${d.id} could not be fetched whole: ${d.missing} of ${d.size} bytes are missing ` +
      `after ${d.providers} providers; the last one: ${d.reason}`,
    hint: () => 'verified bytes are kept; retry once a host that holds it is connected',
  },
  'transfer.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { id: string; holders: number; reason: string }) =>
      `blob ${d.id} cannot be fetched: its holders can't be reached (${d.holders} known); ` +
      `the last one: ${d.reason}`,
    hint: () => 'run `muster agent list`, wait until a host that holds it is connected, then retry',
  },
  'transfer.holders-away': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { id: string; count: number; names: string[] }) =>
      `blob ${d.id} was not found, but its holders can't be reached: ${
        d.count === 1 ? '1 host' : `${d.count} hosts`
      } may hold it: ${d.names.join(', ')}${
        d.count > d.names.length ? ` and ${d.count - d.names.length} more` : ''
      }`,
    hint: () => 'run `muster agent list`, wait until these hosts are connected, then retry',
  },
})
