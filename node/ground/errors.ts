/**
 * Errors of nodes below the protocols: errors of listening, of dialling and of the peer's identity.
 */
import { defineErrors } from '../../shared/errors.ts'

export const nodeError = defineErrors({
  'node.address': {
    exit: 'usage',
    message: (d: { address: string; reason: string }) =>
      `invalid node address ${d.address}: ${d.reason}`,
    hint: () => 'an address looks like /ip4/192.0.2.7/tcp/7400/p2p/12D3KooW…',
  },
  'node.listen': {
    exit: 'conflict',
    message: (d: { address: string; reason: string }) =>
      `cannot listen on ${d.address}: ${d.reason}`,
    hint: () => 'another process may use the port: stop it, or set another port',
  },
  'node.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { address: string; reason: string }) =>
      `${d.address} cannot be reached: ${d.reason}`,
    hint: () =>
      'check that it runs and that no firewall blocks it; `muster status` on the coordinator ' +
      'shows its addresses',
  },
  'node.wrong-peer': {
    exit: 'denied',
    message: (d: { address: string; expected: string }) =>
      `the node at ${d.address} is not ${d.expected}`,
    hint: () =>
      'its key changed, or another program uses the address; ask an operator for a new ticket',
  },
  'node.not-connected': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { peer: string }) => `no connection to ${d.peer}`,
    hint: () => 'retry in a moment: nodes reconnect automatically',
  },
  'node.pool-check': {
    exit: 'conflict',
    retryable: true,
    message: () => 'another check of the pool is running',
    hint: () => 'wait until it has ended, then run `muster pool check` again',
  },
  'node.key-type': {
    exit: 'denied',
    message: (d: { reason: string }) => `the peer's key was rejected: ${d.reason}`,
    hint: () => 'nodes use ed25519 keys only',
  },
  'node.borrowed-certificate': {
    exit: 'denied',
    message: (d: { peer: string; subject: string }) =>
      `${d.peer} showed the certificate of ${d.subject}`,
  },
  'node.stale-certificate': {
    exit: 'denied',
    message: (d: { peer: string; epoch: number; seen: number }) =>
      `${d.peer} showed a certificate of epoch ${d.epoch} after one of epoch ${d.seen}`,
    hint: () =>
      'wait: the host was enrolled again or its labels changed, and it fetches its new ' +
      'certificate by itself',
  },
  'node.handshake': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { reason: string }) => `the handshake failed: ${d.reason}`,
    hint: () => 'check with `muster version` that both nodes run compatible versions',
  },
  'node.closed': {
    exit: 'unreachable',
    message: () => 'the node is shutting down',
  },
})
