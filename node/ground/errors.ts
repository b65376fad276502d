/**
 * What can go wrong between two nodes below the protocols: listening, dialling, who the other side
 * is.
 */
import { defineErrors } from '../../shared/errors.ts'

export const nodeError = defineErrors({
  'node.address': {
    exit: 'usage',
    message: (d: { address: string; reason: string }) =>
      `${d.address} is not an address of a node: ${d.reason}`,
    hint: () => 'an address looks like /ip4/192.0.2.7/tcp/7400/p2p/12D3KooW…',
  },
  'node.listen': {
    exit: 'conflict',
    message: (d: { address: string; reason: string }) =>
      `cannot listen on ${d.address}: ${d.reason}`,
    hint: () => 'another process may use the port; choose another one, or stop it',
  },
  'node.unreachable': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { address: string; reason: string }) =>
      `${d.address} cannot be reached: ${d.reason}`,
    hint: () =>
      'check that it runs, and that no firewall stands between; muster status on the coordinator shows its addresses',
  },
  'node.wrong-peer': {
    exit: 'denied',
    message: (d: { address: string; expected: string }) =>
      `the node at ${d.address} is not ${d.expected}`,
    hint: () =>
      'its key changed, or another program answers there; ask the operator of the fleet for a fresh ticket',
  },
  'node.not-connected': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { peer: string }) => `no connection to ${d.peer}`,
    hint: () => 'try again in a moment: connections are made again by themselves',
  },
  'node.pool-check': {
    exit: 'conflict',
    retryable: true,
    message: () => 'a check of the pool is running already',
    hint: () => 'wait until it has ended, then run `muster pool check` again',
  },
  'node.key-type': {
    exit: 'denied',
    message: (d: { reason: string }) => `the other side's key is refused: ${d.reason}`,
    hint: () => 'nodes have ed25519 keys only',
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
      'the host was enrolled anew or its labels changed; it gets a new certificate when it asks for one',
  },
  'node.handshake': {
    exit: 'unreachable',
    retryable: true,
    message: (d: { reason: string }) => `the handshake failed: ${d.reason}`,
    hint: () => 'check that both ends run versions of Muster that know each other: muster version',
  },
  'node.closed': {
    exit: 'unreachable',
    message: () => 'the node is shutting down',
  },
})
