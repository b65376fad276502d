/**
 * Decides who may call which method on a coordinator. Deny by default: each kind of capability has
 * one rule here, and no rule means no access. Only `authorize()` decides whether a grant covers a
 * request.
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
          // The operation authorises the intent later. Submitting one requires a proved session, so
          // a stolen intent is useless without the actor's session.
          if (session === undefined) throw refuse()
          return nameOf(session.operator)
        }
        case 'operator': {
          if (session === undefined) throw refuse()
          const question = { actor: session.operator, level: capability.level, at: now }
          // A `targets` method is checked twice: first before its body is parsed, then for the
          // targets that the body names.
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
              // A repository is a target too, but `--on` of a grant does not apply to it.
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
