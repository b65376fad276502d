/** Errors of sending intents to hosts, and of finding runs. */
import { defineErrors } from '../../shared/errors.ts'

export const dispatchError = defineErrors({
  'dispatch.unknown-run': {
    exit: 'notFound',
    // The same text as in process-manager, because scripts compare it.
    message: () => 'process not found',
    hint: () => 'run `muster process list --all` to list all runs',
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
      `run \`muster agent list\` to see when ${d.host} was last seen; start its agent there with ` +
      '`muster agent run`',
  },
  'dispatch.no-output': {
    exit: 'notFound',
    message: (d: { host: string; run: string; status: string }) =>
      `${d.host} has no output of run ${d.run}: ${d.status}`,
    hint: (d: { host: string; run: string; status: string }) =>
      `run \`muster process list --on ${d.host} --all\` to list its runs; \`muster audit log\` ` +
      'shows the intent',
  },
  'dispatch.revoked': {
    exit: 'conflict',
    message: (d: { host: string }) =>
      `${d.host} was revoked, so the coordinator sends it nothing any more`,
    hint: () =>
      'run `muster process stop RUN --local` on that host to end a run that is left there',
  },
  'dispatch.copied': {
    exit: 'conflict',
    message: (d: { host: string; addresses: readonly string[] }) =>
      `${d.addresses.length} machines run as ${d.host} (${d.addresses.join(', ')}): ` +
      'its disk was copied, so the coordinator sends it no intents',
    hint: (d: { host: string }) =>
      'stop the agent of the copy, then enrol that machine with an empty home: ' +
      `\`muster agent join TOKEN --home DIR\`; within ten minutes ${d.host} gets intents again`,
  },
  'dispatch.log-behind': {
    exit: 'verification',
    message: (d: { host: string; seen: number; size: number }) =>
      `entries of the log were lost: ${d.host} has a checkpoint of ${d.seen} entries, ` +
      `and the log here has ${d.size}`,
    hint: () =>
      'run `muster audit verify` before you continue; an older database was restored, or another ' +
      'log is served',
  },
})
