/**
 * A node's policy for callers that are not operators: strangers, members with a role, and callers
 * on the node's own socket. `operators` decides on methods for operators and intents. Without it,
 * they are denied.
 */
import { type Capability, describeCapability } from '../../protocols/capability.ts'
import type { Ask, Caller, DuplexPeer, Policy } from '../../protocols/rpc/peer.ts'
import { wireError } from '../../protocols/wire/errors.ts'

export function createNodePolicy(options: { operators?: Policy } = {}): Policy {
  return {
    allow: async (capability, peer, ask) => {
      switch (capability.kind) {
        case 'stranger':
          return asStranger(peer)
        case 'member': {
          const { member, peerId } = peer
          if (
            member === undefined ||
            peerId === undefined ||
            !capability.roles.includes(member.role)
          )
            throw denied(capability, ask)
          return { kind: 'member', name: member.name, peerId, member }
        }
        case 'local':
          if (peer.transport !== 'unix') throw denied(capability, ask)
          return { kind: 'local', name: 'local' }
        case 'operator':
        case 'intent':
          if (options.operators === undefined) throw denied(capability, ask)
          return options.operators.allow(capability, peer, ask)
        default:
          return capability satisfies never
      }
    },
  }
}

function asStranger(peer: DuplexPeer): Caller {
  const { member, peerId } = peer
  if (member !== undefined && peerId !== undefined)
    return { kind: 'member', name: member.name, peerId, member }
  return { kind: 'stranger', name: peerId ?? 'local', peerId }
}

function denied(capability: Capability, ask: Ask): Error {
  return wireError('protocol.denied', {
    method: `${ask.protocol} ${ask.method}`,
    needs: describeCapability(capability),
  })
}
