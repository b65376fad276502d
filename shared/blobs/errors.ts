/** Errors of the blob pool and of verified transfers into it. */
import { defineErrors } from '../errors.ts'
import { formatSize } from '../units.ts'

export const blobError = defineErrors({
  'blob.unknown': {
    exit: 'notFound',
    message: (d: { id: string }) => `no blob ${d.id} is in the pool`,
    hint: () => 'fetch it from a node that has it: muster blob providers ID shows which',
  },
  'blob.altered': {
    exit: 'verification',
    retryable: true,
    message: (d: { id: string; reason: string }) =>
      `the data received for blob ${d.id} is wrong: ${d.reason}`,
    hint: () => 'fetch from another node; the wrong part was discarded',
  },
  'blob.truncated': {
    exit: 'verification',
    retryable: true,
    message: (d: { id: string; got: number }) =>
      `the encoding of blob ${d.id} ended early, after ${d.got} bytes`,
    hint: () => 'fetch again; the verified part is kept',
  },
  'blob.size': {
    exit: 'verification',
    message: (d: { id: string; expected: number; got: number }) =>
      `nodes disagree about the size of blob ${d.id}: ` +
      `expected ${d.expected} bytes, got a claim of ${d.got}`,
    hint: () =>
      'retry; if the error stays, run `muster pool check --deep` on the hosts with the blob',
  },
  'blob.incomplete': {
    exit: 'failed',
    message: (d: { id: string; missing: number }) =>
      `blob ${d.id} can't be finished: ${d.missing} bytes are still missing`,
  },
  'blob.damaged': {
    exit: 'verification',
    message: (d: { id: string; reason: string }) =>
      `the pool's copy of blob ${d.id} is damaged: ${d.reason}`,
    hint: () => 'it was moved to the quarantine folder; fetch or sync it again',
  },
  'blob.mismatch': {
    exit: 'verification',
    message: (d: { what: string; expected: string; got: string }) =>
      `the ${d.what} is wrong: expected ${d.expected}, got ${d.got}`,
  },
  'blob.too-large': {
    exit: 'failed',
    message: (d: { limit: number; got: number }) =>
      `the content is too large: expected at most ${d.limit} bytes (${formatSize(d.limit)}), ` +
      `got ${d.got} or more`,
  },
  'blob.range': {
    exit: 'usage',
    message: (d: { start: number; end: number; size: number }) =>
      `bytes ${d.start} to ${d.end} are not a range of a blob of ${d.size} bytes: ` +
      'expected 0 ≤ start ≤ end ≤ size',
    hint: (d: { start: number; end: number; size: number }) =>
      `its bytes are 0 to ${d.size}; the end is not part of a range`,
  },
  'blob.unverified': {
    exit: 'failed',
    message: (d: { id: string; start: number; end: number }) =>
      `bytes ${d.start} to ${d.end} of blob ${d.id} aren't all received and verified`,
  },
  'blob.aborted': {
    exit: 'failed',
    message: (d: { id: string }) => `the transfer of blob ${d.id} was aborted`,
  },
  'blob.not-a-file': {
    exit: 'usage',
    message: (d: { path: string; reason: string }) =>
      `${d.path} can't be read as a file: ${d.reason}`,
    hint: () => 'give the path of a regular file that you may read',
  },
  'blob.no-space': {
    exit: 'failed',
    message: (d: { folder: string; reason: string }) => `no space left in ${d.folder}: ${d.reason}`,
    hint: () => 'free some space or enlarge the volume, then try again',
  },
  'blob.disk': {
    exit: 'failed',
    message: (d: { operation: string; path: string; reason: string }) =>
      `${d.operation} of ${d.path} failed: ${d.reason}`,
    hint: () => 'read the kernel log of this machine (`dmesg`)',
  },
  'blob.suspect': {
    exit: 'failed',
    message: (d: { folder: string }) =>
      `the pool in ${d.folder} accepts no more content: ` +
      'an earlier fsync failed, so the state of the disk is unknown',
    hint: () => 'check the disk, then restart this process',
  },
  'blob.folder': {
    exit: 'failed',
    message: (d: { path: string; expected: string; got: string }) =>
      `the pool can't use ${d.path}: expected ${d.expected}, got ${d.got}`,
    hint: () => 'other users could change the pool through it; restore the folder and its owner',
  },
})
