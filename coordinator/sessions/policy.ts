/**
 * Decides which callers may call which methods on a coordinator. Each kind of capability has one
 * rule here. Without a rule, access is denied. Only `authorize()` decides whether a grant covers a
 * request.
 */
import { type Capability, describeCapability, type Role } from '../../protocols/capability.ts'
import type { Ask, Caller, DuplexPeer, Policy } from '../../protocols/rpc/peer.ts'
import type { Clock } from '../../shared/clock.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { isAboutHosts } from '../../shared/trust/authorize.ts'
import type { Fingerprint } from '../../shared/ids.ts'
import type { Access } from '../registry/access.ts'

interface PolicyDeps {
  readonly access: Access
  readonly clock: Clock
}

export function createPolicy(deps: PolicyDeps): Policy {
  return {
    async allow(capability, peer, ask) {
      const caller = await recognise(deps, capability, peer, ask)
      if (caller !== undefined) return caller
      throw wireError('protocol.denied', {
        method: `${ask.protocol} ${ask.method}`,
        needs: describeCapability(capability),
      })
    },
  }
}

/**
 * Returns the caller that the capability admits. Undefined if the peer is not admitted.
 * @throws trust.denied if a session lacks the right
 */
async function recognise(
  { access, clock }: PolicyDeps,
  capability: Capability,
  peer: DuplexPeer,
  ask: Ask,
): Promise<Caller | undefined> {
  const now = clock.now()
  const operator = operatorOf(peer, now)
  switch (capability.kind) {
    case 'stranger':
      return { kind: 'stranger', name: peer.peerId ?? peer.address, peerId: peer.peerId }
    case 'member':
      return memberOf(peer, capability.roles, now)
    case 'intent':
      // The operation authorises the intent later. Submitting an intent requires a session. So a
      // stolen intent is useless without the actor's session.
      return operator && operatorCaller(access, operator)
    case 'operator':
      if (operator === undefined) return undefined
      await requireRights(access, capability, ask, { actor: operator, at: now })
      return operatorCaller(access, operator)
    case 'local':
      return peer.transport === 'unix' ? { kind: 'local', name: 'local' } : undefined
    default:
      throw new Error(`unknown capability ${capability satisfies never}`)
  }
}

/** Returns the operator of the peer's session. Undefined if there is no session or it has ended. */
function operatorOf({ session }: DuplexPeer, now: number): Fingerprint | undefined {
  return session !== undefined && session.notAfter > now ? session.operator : undefined
}

async function operatorCaller(access: Access, operator: Fingerprint): Promise<Caller> {
  return { kind: 'operator', name: await access.nameOf(operator), operator }
}

function memberOf(
  { member, peerId }: DuplexPeer,
  roles: readonly Role[],
  now: number,
): Caller | undefined {
  if (member === undefined || peerId === undefined || member.notAfter <= now) return undefined
  return roles.includes(member.role)
    ? { kind: 'member', name: member.name, peerId, member }
    : undefined
}

/**
 * Checks each target. A method with targets is checked twice: before its body is parsed, and again
 * with the targets in the body.
 * @throws trust.denied
 */
async function requireRights(
  access: Access,
  { namespace: whole, level, scope }: Extract<Capability, { kind: 'operator' }>,
  ask: Ask,
  about: { readonly actor: Fingerprint; readonly at: number },
): Promise<void> {
  const targets = ask.targets ?? (scope === 'fleet' ? [{}] : [])
  for (const { agent, labels = {}, namespace = whole } of targets) {
    const host = agent === undefined ? {} : { target: { agent, labels } }
    // A target can be a repository. `--on` of a grant does not apply to repositories.
    const isHost = scope === 'targets' && isAboutHosts(namespace)
    await access.require({ ...about, level, namespace, ...host }, isHost ? 'host' : 'fleet')
  }
}
