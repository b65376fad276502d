/**
 * Makes a refusal name what the person asked for, so that its hint grants that and nothing else.
 */
import { trustError } from '../../shared/trust/errors.ts'

/**
 * The refusal with the hosts or the level that the command needs; every other error as it is. A
 * command that asks for hosts first is refused there already, at a lower level than it needs.
 */
export function deniedFor(
  error: unknown,
  needed: { readonly level?: 'control'; readonly on?: readonly string[] },
): unknown {
  if (!trustError.is(error, 'trust.denied')) return error
  const { actor, namespace, level, reason, on } = error.data
  // Only a grant for all hosts would cover `all`, which is more than a command needs once.
  const typed = (needed.on ?? []).filter((text) => text !== 'all' && /^[\w.:/=,+@-]+$/.test(text))
  return trustError(
    'trust.denied',
    {
      actor: String(actor),
      namespace: String(namespace),
      level: needed.level ?? String(level),
      reason: String(reason),
      on: on === 'HOST' && typed.length > 0 ? typed.join(' --on ') : String(on ?? 'HOST'),
    },
    { cause: error },
  )
}
