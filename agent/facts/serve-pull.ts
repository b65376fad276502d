/** The agent's side of `pull` in `/muster/facts/1`: the updates that a coordinator lacks. */
import type { facts } from '../../protocols/facts/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { FactsSigner, SignedCollection } from './facts-signer.ts'
import type { Journal } from './journal.ts'
import { payloadFrames } from './payload-frames.ts'

/** Statements in one response. A coordinator that lacks more gets the full set. */
const MAX_UPDATES = 256

export function servePull(deps: {
  readonly journal: Journal
  readonly sign: FactsSigner['sign']
  readonly collection: () => Promise<SignedCollection | undefined>
}): Handlers<typeof facts>['pull'] {
  const { journal, sign } = deps
  return async ({ epoch, sequence, root }, context) => {
    const updates = await journal.since(epoch, sequence, root)
    const full = journal.full()
    const chosen = updates.length > MAX_UPDATES && full !== undefined ? [full] : updates
    const statements: Signed[] = []
    for (const update of chosen) {
      const { signed, payload } = await sign(update)
      for (const frame of payloadFrames(payload)) await context.send(frame)
      statements.push(signed)
    }
    return { updates: statements.map(toWire), ...(await deps.collection()) }
  }
}
