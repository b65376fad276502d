/** What can go wrong between two parties of a protocol, whatever the protocol is. */
import { defineErrors } from '../../shared/errors.ts'

export const wireError = defineErrors({
  'protocol.malformed': {
    exit: 'failed',
    message: (d: { what: string; reason: string }) => `${d.what} is malformed: ${d.reason}`,
    hint: () => 'the other side speaks the protocol wrongly; compare the versions of both',
  },
  'protocol.request': {
    exit: 'usage',
    message: (d: { method: string; reason: string }) => `${d.method} can't be asked: ${d.reason}`,
    hint: () => 'nothing was sent; correct the named value, then run the command again',
  },
  'protocol.too-large': {
    exit: 'failed',
    message: (d: { what: string; bytes: number; limit: number }) =>
      `${d.what} has ${d.bytes} bytes, more than the ${d.limit} allowed`,
  },
  'protocol.too-many': {
    exit: 'failed',
    message: (d: { what: string; count: number; limit: number }) =>
      `${d.count} ${d.what} are more than the ${d.limit} allowed`,
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
    message: (d: { what: string }) =>
      `${d.what} was asked for more often than the other side allows`,
    hint: () => 'try again later',
  },
  'protocol.internal': {
    exit: 'failed',
    message: (d: { method: string }) => `the other side failed inside ${d.method}`,
    hint: () => 'its log has the reason',
  },
  'protocol.refused': {
    exit: 'failed',
    message: (d: { method: string; status: string; code: string }) =>
      `the other side refused ${d.method}: ${d.status} (${d.code})`,
  },
})
