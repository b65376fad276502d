/** Errors of the fetch of a whole blob. Errors of one provider have blob.* or protocol.* codes. */
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
      `blob ${d.id} could not be fetched completely: ${d.missing} of ${d.size} bytes are missing ` +
      `after ${d.providers} providers; last error: ${d.reason}`,
    hint: () => 'retry when a host with this blob is connected; the verified bytes are kept',
  },
  'transfer.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { id: string; holders: number; reason: string }) =>
      `blob ${d.id} cannot be fetched: its holders can't be reached (${d.holders} known); ` +
      `last error: ${d.reason}`,
    hint: () => 'run `muster agent list`, wait until a host that holds it is connected, then retry',
  },
  'transfer.holders-away': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { id: string; count: number; names: string[] }) =>
      `blob ${d.id} was not found on the connected hosts; ${
        d.count === 1 ? '1 unreachable host' : `${d.count} unreachable hosts`
      } may hold it: ${d.names.join(', ')}${
        d.count > d.names.length ? ` and ${d.count - d.names.length} more` : ''
      }`,
    hint: () => 'run `muster agent list`, wait until these hosts are connected, then retry',
  },
})
