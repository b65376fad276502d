/** Adds the requested hosts and level to a refusal, so that the hint grants exactly this right. */
import { grantCommand, trustError } from '../../shared/trust/errors.ts'
import type { Need } from './command.ts'

/**
 * Returns the refusal with the hosts or the level that the command needs. Other errors are
 * unchanged. The first call of a command may need a lower level than the command itself.
 */
export function deniedFor(
  error: unknown,
  needed: {
    readonly level?: 'control'
    readonly on?: readonly string[]
    /** True if the command affects all hosts. */
    readonly all?: true
    readonly needs?: readonly Need[]
  },
): unknown {
  if (!trustError.is(error, 'trust.denied')) return error
  const { actor, namespace, level, reason, on } = error.data
  // The hint never proposes a grant for all hosts.
  const typed = (needed.on ?? []).filter((text) => text !== 'all' && /^[\w.:/=,+@-]+$/.test(text))
  const hosts = typed.length > 0 ? typed.join(' --on ') : 'HOST'
  const shown = on === 'HOST' || on === undefined ? (needed.all === true ? '' : hosts) : String(on)
  const needs = (needed.needs ?? []).map((need) => ({
    actor: String(actor),
    namespace: need.namespace,
    level: need.level,
    on: need.hosts === true ? hosts : '',
  }))
  // The right to control a namespace includes the right to observe it.
  const covering = needs.find(
    (need) => need.namespace === namespace && need.on === shown && need.level === 'control',
  )
  const denied = {
    actor: String(actor),
    namespace: String(namespace),
    level: needed.level ?? covering?.level ?? String(level),
    on: shown,
  }
  const first = grantCommand(denied)
  const more = needs.map(grantCommand).filter((command) => command !== first)
  return trustError('trust.denied', { ...denied, reason: String(reason), more }, { cause: error })
}
