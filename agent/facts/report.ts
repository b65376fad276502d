/**
 * Tells the fleet what this host has installed: looks when a package database changed and now and
 * then anyway, signs what the journal made of it, and gossips it. A coordinator that missed
 * something asks (`pull`); what it is told then is the same signed statements.
 */
import { encode } from 'cborg'
import type { facts } from '../../protocols/facts/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import {
  describeProblem,
  type FactCollection,
  type FactProblem,
  isFailure,
  shortReason,
} from '../../shared/facts/collection.ts'
import { factsBody, type FactUpdate } from '../../shared/facts/update.ts'
import type { AgentId, FleetId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { Logger } from '../../shared/logger.ts'
import { signStatement, type Signed } from '../../shared/trust/signed.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { Collected } from './collect.ts'
import type { CollectionStore } from './collection-store.ts'
import type { Journal } from './journal.ts'
import { isRefusedAccept } from './errors.ts'
import { type Confirmed, settle } from './plausible.ts'

export interface ReportDeps {
  readonly journal: Journal
  readonly key: Signer
  readonly clock: Clock
  readonly log: Logger
  readonly collections: CollectionStore
  readonly collect: (signal: AbortSignal) => Promise<Collected>
  /** Tells all members; delivery is not promised. */
  readonly publish: (bytes: Uint8Array) => Promise<void>
  /** Tells the coordinator how the collection went; a pull tells it, too. */
  readonly tell: (collection: SignedCollection, signal: AbortSignal) => Promise<void>
}

/** A collection, and the statement that proves it. */
export interface SignedCollection {
  readonly collection: FactCollection
  readonly collectionStatement: ReturnType<typeof toWire>
}

export interface LookOptions {
  /** Managers of which an operator says that what is found is right. Default: none. */
  readonly accept?: readonly string[]
  /** What else is odd about the collections of this host. Asked when the collection is over. */
  readonly remarks?: () => readonly Pick<FactProblem, 'manager' | 'kind' | 'reason'>[]
}

export interface Looked {
  /** Undefined if nothing changed. */
  readonly update: FactUpdate | undefined
  /** How many packages this host is known to have. */
  readonly packages: number
  readonly collection: FactCollection
  /** What was in doubt before and is recorded now. */
  readonly confirmed: readonly Confirmed[]
}

export interface ReportOptions {
  readonly fleet: FleetId
  readonly agent: AgentId
}

export interface Report {
  /**
   * Collects, and gossips what changed; one look after the other. What could not be read is in the
   * collection and told to the coordinator.
   * @throws facts.unknown-manager, facts.not-in-doubt, facts.not-acceptable: nothing is recorded
   */
  look(signal: AbortSignal, options?: LookOptions): Promise<Looked>
  /** How the newest look went, as it is sent; undefined before the first. */
  collection(): Promise<SignedCollection | undefined>
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
  const signCollection = async (collection: FactCollection): Promise<SignedCollection> => {
    const { epoch, sequence } = deps.journal.position() ?? { epoch: 0, sequence: 0 }
    const body = { ...options, ...collection, epoch, sequence }
    const signed = await signStatement(deps.key, 'collection', body)
    return { collection, collectionStatement: toWire(signed) }
  }
  const newest = async (): Promise<SignedCollection | undefined> => {
    const { collection } = deps.collections
    return collection && signCollection(collection)
  }
  // Two looks at once could be recorded in the wrong order, and an older set would be the newest.
  const lane = createLane({ name: 'the queue of fact collections' })
  // Owned by tellOnce(): the last collection that the coordinator was told.
  let told: string | undefined
  const tellOnce = async (collection: FactCollection, signal: AbortSignal): Promise<void> => {
    const { managers, problems } = collection
    const now = JSON.stringify([managers, problems])
    if (now === told) return
    try {
      await deps.tell(await signCollection(collection), signal)
      told = now
    } catch (error) {
      // The next pull brings it; a coordinator of an older version doesn't take it at all.
      if (!signal.aborted) deps.log.debug({ error }, 'the coordinator was not told of a collection')
    }
  }
  const keep = async (
    memory: CollectionStore['memory'],
    collection: FactCollection,
    signal: AbortSignal,
  ): Promise<void> => {
    const known = new Set(deps.collections.collection?.problems.map(({ reason }) => reason))
    for (const problem of collection.problems)
      if (!known.has(problem.reason))
        deps.log[isFailure(problem) ? 'error' : 'warn'](
          { manager: problem.manager, kind: problem.kind },
          describeProblem(problem),
        )
    await deps.collections.save(memory, collection)
    await tellOnce(collection, signal)
  }
  const look = async (signal: AbortSignal, options: LookOptions): Promise<Looked> => {
    const { accept = [] } = options
    const { memory, collection: previous } = deps.collections
    const at = rfc3339(deps.clock.now())
    const remarks = (): FactProblem[] =>
      (options.remarks?.() ?? []).map((remark) => ({ ...remark, since: at }))
    try {
      const settled = settle(await deps.collect(signal), {
        known: deps.journal.set(),
        memory,
        previous: previous?.problems ?? [],
        at,
        accept,
      })
      const { set } = settled
      const update = set && (await deps.journal.observe(set))
      if (update !== undefined) {
        const { signed } = await sign(update)
        deps.log.info(
          { epoch: update.epoch, sequence: update.sequence, kind: update.kind },
          'package state changed',
        )
        await deps.publish(encode(toWire(signed)))
      }
      const collection = {
        ...settled.collection,
        problems: [...settled.collection.problems, ...remarks()],
      }
      await keep(settled.memory, collection, signal)
      const { confirmed } = settled
      for (const one of confirmed)
        deps.log.info({ ...one }, 'packages in doubt are recorded as gone')
      return { update, packages: set?.packages.length ?? 0, collection, confirmed }
    } catch (error) {
      if (signal.aborted || isRefusedAccept(error)) throw error
      // Whatever kept the host's packages from being told is told instead of them.
      const reason = shortReason(error instanceof Error ? error.message : String(error))
      const same = previous?.problems.find(({ kind }) => kind === 'failed')
      const problem = { manager: '', kind: 'failed', reason, since: same?.since ?? at }
      const managers = previous?.managers ?? []
      await keep(memory, { at, managers, problems: [problem, ...remarks()] }, signal)
      throw error
    }
  }
  return {
    sign,
    collection: newest,
    look: (signal, more = {}) => lane.run(() => look(signal, more)),
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
      return { updates: signed.map(toWire), ...(await newest()) }
    },
  }
}
