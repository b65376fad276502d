/**
 * Who may call what on a coordinator. Deny by default: each kind of capability has one rule here,
 * and what no rule allows is refused. Whether a grant covers a request is decided by `authorize()`
 * alone, which this calls.
 */
import { describeCapability } from '../../protocols/capability.ts'
import type { Caller, Policy, Target } from '../../protocols/rpc/peer.ts'
import type { Clock } from '../../shared/clock.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import { isAboutHosts } from '../../shared/trust/authorize.ts'
import type { Fingerprint } from '../../shared/ids.ts'
import type { Access } from '../registry/access.ts'

export function createPolicy(deps: { access: Access; clock: Clock }): Policy {
  const nameOf = async (operator: Fingerprint): Promise<Caller> => ({
    kind: 'operator',
    name: await deps.access.nameOf(operator),
    operator,
  })
  return {
    async allow(capability, peer, ask) {
      const refuse = (): Error =>
        wireError('protocol.denied', {
          method: `${ask.protocol} ${ask.method}`,
          needs: describeCapability(capability),
        })
      const now = deps.clock.now()
      const session =
        peer.session !== undefined && peer.session.notAfter > now ? peer.session : undefined
      switch (capability.kind) {
        case 'stranger':
          return { kind: 'stranger', name: peer.peerId ?? peer.address, peerId: peer.peerId }
        case 'member': {
          const { member, peerId } = peer
          if (
            member === undefined ||
            peerId === undefined ||
            member.notAfter <= now ||
            !capability.roles.includes(member.role)
          )
            throw refuse()
          return { kind: 'member', name: member.name, peerId, member }
        }
        case 'intent': {
          // The intent itself is authorised by whoever carries it out; handing one in takes a
          // proved session, so that a copy is of no use.
          if (session === undefined) throw refuse()
          return nameOf(session.operator)
        }
        case 'operator': {
          if (session === undefined) throw refuse()
          const question = { actor: session.operator, level: capability.level, at: now }
          // The first question of a `targets` method comes before the body is parsed; what it
          // touches is authorised by the second one.
          const targets: readonly (Target | undefined)[] =
            ask.targets ?? (capability.scope === 'fleet' ? [undefined] : [])
          for (const target of targets) {
            const namespace = target?.namespace ?? capability.namespace
            await deps.access.require(
              {
                ...question,
                namespace,
                ...(target?.agent === undefined
                  ? {}
                  : { target: { agent: target.agent, labels: target.labels ?? {} } }),
              },
              // A repository is a target too, and no --on of a grant would help with one.
              capability.scope === 'targets' && isAboutHosts(namespace) ? 'host' : 'fleet',
            )
          }
          return nameOf(session.operator)
        }
        case 'local':
          if (peer.transport !== 'unix') throw refuse()
          return { kind: 'local', name: 'local' }
        default:
          throw new Error(`unknown capability ${capability satisfies never}`)
      }
    },
  }
}
