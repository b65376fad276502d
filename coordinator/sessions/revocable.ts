/**
 * Checks a right as long as a response lasts. A stream that is watched for hours ends within
 * seconds of the end of the session, or of the revocation of the grant that allowed it (ID-24).
 */
import type { CallContext } from '../../protocols/rpc/define-protocol.ts'
import type { Namespace } from '../../protocols/capability.ts'
import type { Target } from '../../protocols/rpc/peer.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { createInterrupt } from '../../shared/interrupt.ts'
import type { Access } from '../registry/access.ts'

/** A revocation must hold within five seconds. Two checks fit into them. */
const CHECK_MS = 2_000

type Context = Pick<CallContext<never>, 'caller' | 'peer' | 'signal'>

interface Right {
  readonly namespace: Namespace
  readonly target: () => Promise<Target>
}

/**
 * Runs `work` with a signal that aborts when the caller loses the right to observe the target. Then
 * it rejects with the reason, such as trust.denied.
 */
export async function untilRevoked<T>(
  deps: { access: Access; clock: Clock },
  context: Context,
  right: Right,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = createInterrupt()
  const ended = new AbortController()
  const stop = deps.clock.every(CHECK_MS, () => {
    requireRight(deps, context, right).catch((error: unknown) => {
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

/** @throws protocol.closed, trust.denied */
async function requireRight(
  { access, clock }: { access: Access; clock: Clock },
  { caller, peer }: Context,
  { namespace, target }: Right,
): Promise<void> {
  const at = clock.now()
  if (caller.kind !== 'operator' || peer.session === undefined || peer.session.notAfter <= at)
    throw wireError('protocol.closed', { what: 'the session' })
  const { agent, labels = {} } = await target()
  const host = agent === undefined ? {} : { target: { agent, labels } }
  await access.require({ actor: caller.operator, namespace, level: 'observe', at, ...host })
}
