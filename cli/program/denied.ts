/** Adds the requested hosts and level to a refusal, so that the hint grants exactly this right. */
import { grantCommand, trustError } from '../../shared/trust/errors.ts'
import type { Need } from './command.ts'

/**
 * The refusal with the hosts or the level that the command needs. Other errors are unchanged. A
 * command that resolves hosts first is refused at a lower level than it needs.
 */
export function deniedFor(
  error: unknown,
  needed: {
    readonly level?: 'control'
    readonly on?: readonly string[]
    /** The command affects all hosts. */
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
