/**
 * A right that has to last as long as the answer does: a stream that is watched for hours ends
 * within seconds of the revocation of the grant, or the end of the session, that allowed it
 * (ID-24).
 */
import type { CallContext } from '../../protocols/rpc/define-protocol.ts'
import type { Namespace } from '../../protocols/capability.ts'
import type { Target } from '../../protocols/rpc/peer.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { createInterrupt } from '../../shared/interrupt.ts'
import type { Access } from '../registry/access.ts'

/** Two looks fit into the five seconds within which a revocation holds. */
const LOOK_MS = 2_000

/**
 * Runs `work` with a signal that aborts once the caller may no longer observe the target. Rejects
 * then with the reason, such as trust.denied.
 */
export async function untilRevoked<T>(
  deps: { access: Access; clock: Clock },
  context: Pick<CallContext<never>, 'caller' | 'peer' | 'signal'>,
  right: { namespace: Namespace; target: () => Promise<Target> },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = createInterrupt()
  const ended = new AbortController()
  const look = async (): Promise<void> => {
    const { caller, peer } = context
    const at = deps.clock.now()
    if (caller.kind !== 'operator' || peer.session === undefined || peer.session.notAfter <= at)
      throw wireError('protocol.closed', { what: 'the session' })
    const { agent, labels = {} } = await right.target()
    const target = agent === undefined ? {} : { target: { agent, labels } }
    await deps.access.require({
      actor: caller.operator,
      namespace: right.namespace,
      level: 'observe',
      at,
      ...target,
    })
  }
  const stop = deps.clock.every(LOOK_MS, () => {
    look().catch((error: unknown) => {
      lost.end(error)
      ended.abort(error)
    })
  })
  try {
    return await lost.wait(work(AbortSignal.any([context.signal, ended.signal])))
  } finally {
    stop()
  }
}
