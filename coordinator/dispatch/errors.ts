/** What can go wrong when the coordinator brings an order to a host. */
import { defineErrors } from '../../shared/errors.ts'

export const dispatchError = defineErrors({
  'dispatch.unknown-run': {
    exit: 'notFound',
    // The words are process-manager's; scripts compare them.
    message: () => 'process not found',
    hint: () => 'muster process list --all shows what there was',
  },
  'dispatch.ambiguous-run': {
    exit: 'conflict',
    message: (d: { run: string; candidates: readonly string[]; more: boolean }) =>
      [
        `more than one run matches ${d.run}:`,
        ...d.candidates,
        ...(d.more ? ['… and others'] : []),
      ].join('\n'),
    hint: () => 'give more digits of the run id, from its end or its beginning',
  },
  'dispatch.offline': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { host: string }) => `${d.host} is not connected`,
    hint: (d: { host: string }) =>
      `muster agent list shows when ${d.host} was last seen; on the host: muster agent run`,
  },
  'dispatch.no-output': {
    exit: 'notFound',
    message: (d: { host: string; run: string; status: string }) =>
      `${d.host} has no output of run ${d.run}: ${d.status}`,
    hint: (d: { host: string; run: string; status: string }) =>
      `muster audit log shows what was ordered; muster process list --on ${d.host} shows its runs`,
  },
  'dispatch.revoked': {
    exit: 'conflict',
    message: (d: { host: string }) =>
      `${d.host} was revoked, so nothing on it can be asked or ordered any more`,
    hint: () =>
      'what still runs there ends by itself, or is ended on the host itself: muster process stop RUN --local',
  },
  'dispatch.copied': {
    exit: 'conflict',
    message: (d: { host: string; addresses: readonly string[] }) =>
      `${d.addresses.length} machines run as ${d.host} (${d.addresses.join(', ')}): its disk was copied, and no orders go to it`,
    hint: (d: { host: string }) =>
      `end the copy, then enrol that machine with an empty home (muster agent join TOKEN --home DIR); orders go to ${d.host} again within ten minutes after that`,
  },
  'dispatch.log-behind': {
    exit: 'verification',
    message: (d: { host: string; seen: number; size: number }) =>
      `${d.host} has seen ${d.seen} entries of the log, and it has ${d.size} here: entries were lost`,
    hint: () =>
      'the database was restored or another log is served; compare with muster audit verify before you go on',
  },
})
