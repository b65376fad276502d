/**
 * Checks a right until the response ends. A long stream ends within seconds if its session ends or
 * its grant is revoked (ID-24).
 */
import type { CallContext } from '../../protocols/rpc/define-protocol.ts'
import type { Namespace } from '../../protocols/capability.ts'
import type { Target } from '../../protocols/rpc/peer.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { createInterrupt } from '../../shared/interrupt.ts'
import type { Access } from '../registry/access.ts'

/**
 * The interval of checks. A revocation must apply within five seconds, so two checks fit into this
 * time.
 */
const CHECK_MS = 2_000

type Context = Pick<CallContext<never>, 'caller' | 'peer' | 'signal'>

interface Right {
  readonly namespace: Namespace
  readonly target: () => Promise<Target>
}

/**
 * Runs `work` with a signal that aborts when the caller loses the right to observe the target. It
 * then rejects with the reason, such as trust.denied.
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
