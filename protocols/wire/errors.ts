/** Errors between two parties that any protocol can have. */
import { defineErrors } from '../../shared/errors.ts'

export const wireError = defineErrors({
  'protocol.malformed': {
    exit: 'failed',
    message: (d: { what: string; reason: string }) => `${d.what} is malformed: ${d.reason}`,
    hint: () => 'compare the versions of both sides; one of them violates the protocol',
  },
  'protocol.request': {
    exit: 'usage',
    message: (d: { method: string; reason: string }) => `${d.reason}; nothing was sent`,
    hint: (d: { method: string; reason: string }) =>
      `correct this value of the request ${d.method} and run the command again`,
  },
  'protocol.too-large': {
    exit: 'failed',
    message: (d: { what: string; bytes: number; limit: number }) =>
      `${d.what} is too large: expected at most ${d.limit} bytes, got ${d.bytes}`,
  },
  'protocol.too-many': {
    exit: 'failed',
    message: (d: { what: string; count: number; limit: number }) =>
      `too many ${d.what}: expected at most ${d.limit}, got ${d.count}`,
  },
  'protocol.denied': {
    exit: 'denied',
    message: (d: { method: string; needs: string }) =>
      `${d.method} is not allowed: it needs ${d.needs}`,
  },
  'protocol.unsupported': {
    exit: 'failed',
    message: (d: { what: string }) => `the other side does not offer ${d.what}`,
    hint: () => 'compare the versions of both sides',
  },
  'protocol.timeout': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { what: string; ms: number }) => `${d.what} took longer than ${d.ms} ms`,
  },
  'protocol.closed': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { what: string }) => `the connection ended before ${d.what} was complete`,
  },
  'protocol.busy': {
    exit: 'failed',
    retryable: true,
    message: (d: { what: string }) => `the other side rejected ${d.what}: too many calls`,
    hint: () => 'try again later',
  },
  'protocol.internal': {
    exit: 'failed',
    message: (d: { method: string }) => `the other side failed inside ${d.method}`,
    hint: () => 'read the log of the other side; it has the reason',
  },
  'protocol.refused': {
    exit: 'failed',
    message: (d: { method: string; status: string; code: string }) =>
      `the other side refused ${d.method}: ${d.status} (${d.code})`,
  },
})
