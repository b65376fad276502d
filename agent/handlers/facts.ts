/** The agent's side of `/muster/facts/1`. Sends the updates that a coordinator lacks. */
import type { facts } from '../../protocols/facts/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { wireError } from '../../protocols/wire/errors.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { Journal } from '../facts/journal.ts'
import { payloadFrames } from '../facts/payload-frames.ts'
import type { Report } from '../facts/report.ts'

/** The number of statements in one response. A coordinator that lacks more gets the full set. */
const MAX_UPDATES = 256

export function factsHandlers(deps: {
  readonly journal: Journal
  readonly report: Pick<Report, 'sign' | 'collection'>
}): Handlers<typeof facts> {
  const { journal, report } = deps
  return {
    async pull({ epoch, sequence, root }, context) {
      const updates = await journal.since(epoch, sequence, root)
      const full = journal.full()
      const chosen = updates.length > MAX_UPDATES && full !== undefined ? [full] : updates
      const statements: Signed[] = []
      for (const update of chosen) {
        const { signed, payload } = await report.sign(update)
        for (const frame of payloadFrames(payload)) await context.send(frame)
        statements.push(signed)
      }
      return { updates: statements.map(toWire), ...(await report.collection()) }
    },
    // Agents send these to the coordinator.
    async push() {
      throw wireError('protocol.unsupported', { what: 'facts push on an agent' })
    },
    async report() {
      throw wireError('protocol.unsupported', { what: 'facts report on an agent' })
    },
  }
}
