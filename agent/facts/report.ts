/**
 * Tells the fleet what this host has installed: looks when a package database changed and now and then anyway, signs what the journal made of it, and
 * gossips it. A coordinator that missed something asks (`pull`); what it is told then is the same signed statements.
 */
import { encode } from 'cborg'
import type { facts } from '../../protocols/facts/protocol.ts'
import type { Handlers } from '../../protocols/define-protocol.ts'
import type { Clock } from '../../shared/clock.ts'
import type { FactSet } from '../../shared/facts/package-set.ts'
import { factsBody, type FactUpdate } from '../../shared/facts/update.ts'
import type { AgentId, FleetId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { Logger } from '../../shared/logger.ts'
import { signStatement, type Signed } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { Journal } from './journal.ts'

export interface ReportDeps {
  readonly journal: Journal
  readonly key: Signer
  readonly clock: Clock
  readonly log: Logger
  readonly collect: (signal: AbortSignal) => Promise<FactSet>
  /** Tells all members; delivery is not promised. */
  readonly publish: (bytes: Uint8Array) => Promise<void>
}

export interface ReportOptions {
  readonly fleet: FleetId
  readonly agent: AgentId
}

export interface Report {
  /** Collects, and gossips what changed; one look after the other. @returns the update, if anything changed, and how many packages there are */
  look(
    signal: AbortSignal,
  ): Promise<{ readonly update: FactUpdate | undefined; readonly packages: number }>
  /** The agent's side of `pull`; `push` is the coordinator's and never served here. */
  readonly pull: Handlers<typeof facts>['pull']
  /** An update as a signed statement, and the set's bytes where the statement is `full`. */
  sign(update: FactUpdate): Promise<{ signed: Signed; payload: Uint8Array | undefined }>
}

/** Statements of one answer; a host that is further behind gets the full set. */
const MAX_UPDATES = 256
/** One data frame. */
const PIECE_BYTES = 256 * 1024

export function createReport(deps: ReportDeps, options: ReportOptions): Report {
  const sign = async (
    update: FactUpdate,
  ): Promise<{ signed: Signed; payload: Uint8Array | undefined }> => {
    const { body, payload } = factsBody(update)
    return { signed: await signStatement(deps.key, 'facts', { ...options, ...body }), payload }
  }
  // Two looks at once could be written down in the other order than they were taken, and the host would go back to what it was.
  let turn: Promise<unknown> = Promise.resolve()
  const look: Report['look'] = async (signal) => {
    const set = await deps.collect(signal)
    const update = await deps.journal.observe(set)
    if (update !== undefined) {
      const { signed } = await sign(update)
      deps.log.info(
        { epoch: update.epoch, sequence: update.sequence, kind: update.kind },
        'package state changed',
      )
      await deps.publish(encode(toWire(signed)))
    }
    return { update, packages: set.packages.length }
  }
  return {
    sign,
    look: (signal) => {
      const mine = turn.then(() => look(signal))
      turn = mine.catch(() => undefined)
      return mine
    },
    async pull({ epoch, sequence, root }, context) {
      const updates = await deps.journal.since(epoch, sequence, root)
      const full = deps.journal.full()
      const chosen = updates.length > MAX_UPDATES && full !== undefined ? [full] : updates
      const signed: Signed[] = []
      for (const update of chosen) {
        const statement = await sign(update)
        const { payload } = statement
        if (payload !== undefined)
          for (let at = 0; at < payload.length; at += PIECE_BYTES)
            await context.send(payload.subarray(at, at + PIECE_BYTES))
        signed.push(statement.signed)
      }
      return { updates: signed.map(toWire) }
    },
  }
}
