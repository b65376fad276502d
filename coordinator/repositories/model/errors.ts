/** Errors of syncs and of upstreams. */
import { defineErrors } from '../../../shared/errors.ts'

export const mirrorError = defineErrors({
  'mirror.lost': {
    exit: 'partly',
    message: (d: { file: string }) =>
      `${d.file} must be kept, but it is damaged or missing in the pool, ` +
      'and neither the upstream nor an agent has it',
    hint: () =>
      'start an agent that holds the file and sync again, or give it up with --accept-shrink',
  },
  'mirror.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { url: string; reason: string }) => `${d.url} can't be reached: ${d.reason}`,
    hint: () => 'check the address, the network and the proxy, then sync again',
  },
  'mirror.tls': {
    exit: 'verification',
    message: (d: { url: string; reason: string }) =>
      `the server of ${d.url} can't be trusted: ${d.reason}`,
    hint: () =>
      'set credentials.ca_cert if the upstream uses its own certificate authority; ' +
      'verification is never switched off',
  },
  'mirror.denied': {
    exit: 'denied',
    message: (d: { url: string; status: number }) =>
      `${d.url} answered ${d.status}: the upstream denied access`,
    hint: () =>
      'check credentials in the repository file; an entitlement certificate may have expired',
  },
  'mirror.missing': {
    exit: 'notFound',
    message: (d: { url: string; status: number }) =>
      `${d.url} answered ${d.status}: the upstream does not have this file`,
    hint: () => 'the upstream may be in the middle of an update; sync again later',
  },
  'mirror.status': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { url: string; status: number }) => `${d.url} answered ${d.status}`,
    hint: () => 'the upstream has a problem; sync again later',
  },
  'mirror.busy': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { url: string; seconds: number; most: number }) =>
      `${d.url} requires a wait of ${d.seconds} seconds; a sync waits at most ${d.most}`,
    hint: () => 'sync again later',
  },
  'mirror.slow': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { url: string; seconds: number }) =>
      `${d.url} was not complete after ${d.seconds} seconds`,
    hint: () => 'raise download.timeout if the connection really is that slow',
  },
  'mirror.redirect': {
    exit: 'verification',
    message: (d: { url: string; to: string; reason: string }) =>
      `${d.url} redirects to ${d.to}, which is refused: ${d.reason}`,
    hint: () => 'if the repository has moved, set upstream.url to its new address',
  },
  'mirror.encoding': {
    exit: 'verification',
    message: (d: { url: string; encoding: string }) =>
      `${d.url} was sent with Content-Encoding ${d.encoding}, although the request allows none`,
    hint: () => 'the upstream or its proxy changes the files that it sends; report it to its owner',
  },
  'mirror.too-big': {
    exit: 'verification',
    message: (d: { file: string; limit: number }) => `${d.file} is longer than ${d.limit} bytes`,
    hint: () => 'the file differs from the repository metadata, or the upstream is hostile',
  },
  'mirror.changed': {
    exit: 'verification',
    retryable: true,
    message: (d: { file: string }) => `${d.file} changed on the upstream during the download`,
  },
  'mirror.digest': {
    exit: 'verification',
    message: (d: { file: string; kind: string; expected: string; got: string }) =>
      `${d.file} does not have the ${d.kind} that the repository lists: ` +
      `expected ${d.expected}, got ${d.got}`,
    hint: () =>
      'the upstream serves another file than it lists; sync again later, or report it to its owner',
  },
  'mirror.metadata': {
    exit: 'verification',
    message: (d: { file: string; reason: string }) => `${d.file} is refused: ${d.reason}`,
    hint: () => 'nothing was published; the last good version stays',
  },
  'mirror.rollback': {
    exit: 'verification',
    message: (d: { repository: string; last: string; now: string }) =>
      `${d.repository} went back from revision ${d.last} to ${d.now}: ` +
      'this may be a replay of old, vulnerable packages',
    hint: () => 'if the upstream did this on purpose, sync once with --allow-rollback',
  },
  'mirror.shrunk': {
    exit: 'verification',
    message: (d: { repository: string; before: number; now: number }) =>
      `${d.repository} shrank from ${d.before} to ${d.now} packages`,
    hint: () => 'if the upstream did this on purpose, sync once with --accept-shrink',
  },
  'mirror.unsupported': {
    exit: 'usage',
    message: (d: { repository: string; what: string }) => `${d.repository}: ${d.what}`,
    hint: (d: { repository: string }) => `change the repository file of ${d.repository}`,
  },
  'mirror.credentials': {
    exit: 'usage',
    message: (d: { file: string; reason: string }) =>
      `${d.file} can't be used as a credential: ${d.reason}`,
    hint: () => 'check the paths under credentials in the repository file',
  },
  'mirror.overtaken': {
    exit: 'conflict',
    retryable: true,
    message: (d: { repository: string; version: number }) =>
      `another sync of ${d.repository} accepted version ${d.version} meanwhile; ` +
      'nothing of this one was accepted',
    hint: (d: { repository: string }) =>
      `run \`muster repo sync --repo-id ${d.repository}\` again: it compares with that version`,
  },
  'mirror.running': {
    exit: 'conflict',
    message: (d: { repository: string }) => `${d.repository} is being synced already`,
    hint: () => 'wait for that sync to end',
  },
})
