/**
 * Reports the packages of this host: collects them, records changes in the journal, and sends the
 * signed updates to all members. A coordinator that lacks updates pulls the same statements.
 */
import { encode } from 'cborg'
import { type Clock, rfc3339 } from '../../shared/clock.ts'
import { createLane } from '../../shared/concurrency/lanes.ts'
import {
  describeProblem,
  type FactCollection,
  type FactProblem,
  isFailure,
  shortReason,
} from '../../shared/facts/collection.ts'
import type { FactUpdate } from '../../shared/facts/update.ts'
import type { Logger } from '../../shared/logger.ts'
import { toWire } from '../../shared/trust/transport.ts'
import type { Collected } from './collect.ts'
import type { CollectionStore } from './collection-store.ts'
import { isRefusedAccept } from './errors.ts'
import type { Journal } from './journal.ts'
import { type Confirmed, settle } from './plausible.ts'
import {
  type FactsSigner,
  createFactsSigner,
  type SignedCollection,
  type SignedUpdate,
  type SignerOptions,
} from './facts-signer.ts'

export type { SignedCollection }

export interface ReportDeps {
  readonly journal: Journal
  readonly key: Parameters<typeof createFactsSigner>[0]['key']
  readonly clock: Clock
  readonly log: Logger
  readonly collections: CollectionStore
  readonly collect: (signal: AbortSignal) => Promise<Collected>
  /** Sends the bytes to all members. The message can be lost. */
  readonly publish: (bytes: Uint8Array) => Promise<void>
  /** Sends the result of a collection to the coordinator. A pull also returns the result. */
  readonly send: (collection: SignedCollection, signal: AbortSignal) => Promise<void>
}

export interface CollectOptions {
  /** Managers whose packages an operator accepts as they were found. Default: none. */
  readonly accept?: readonly string[]
  /** Returns further problems of this host's collections. Called after the collection. */
  readonly remarks?: () => readonly Pick<FactProblem, 'manager' | 'kind' | 'reason'>[]
}

export interface CollectResult {
  /** Undefined if nothing changed. */
  readonly update: FactUpdate | undefined
  /** The number of known packages. */
  readonly packages: number
  readonly collection: FactCollection
  /** Packages that were in doubt. This collection records them as removed. */
  readonly confirmed: readonly Confirmed[]
}

export interface Report {
  /**
   * Collects the packages and sends the changes. Only one collection runs at a time. Its problems
   * are part of the collection, which the coordinator gets.
   * @throws facts.unknown-manager, facts.not-in-doubt, facts.not-acceptable: nothing is recorded
   */
  collect(signal: AbortSignal, options?: CollectOptions): Promise<CollectResult>
  /** Returns the newest collection as it is sent, or undefined before the first. */
  collection(): Promise<SignedCollection | undefined>
  /**
   * Signs the statement of an update. Also returns the bytes of the set if the update is `full`.
   */
  sign(update: FactUpdate): Promise<SignedUpdate>
}

export function createReport(deps: ReportDeps, options: SignerOptions): Report {
  const { collections } = deps
  const signer = createFactsSigner(deps, options)
  const recorder = new CollectionRecorder(deps, signer)
  // Two collections at once could be recorded in the wrong order.
  const lane = createLane({ name: 'the queue of fact collections' })
  const newest = async (): Promise<SignedCollection | undefined> =>
    collections.collection && signer.signCollection(collections.collection)
  return {
    collect: (signal, more = {}) =>
      lane.run(() => collect({ deps, signer, recorder }, more, signal)),
    collection: newest,
    sign: signer.sign,
  }
}

interface CollectParts {
  readonly deps: ReportDeps
  readonly signer: FactsSigner
  readonly recorder: CollectionRecorder
}

async function collect(
  { deps, signer, recorder }: CollectParts,
  options: CollectOptions,
  signal: AbortSignal,
): Promise<CollectResult> {
  const { journal, log } = deps
  const { memory, collection: previous } = deps.collections
  const at = rfc3339(deps.clock.now())
  const remarks = (): FactProblem[] =>
    (options.remarks?.() ?? []).map((remark) => ({ ...remark, since: at }))
  try {
    const settled = settle(await deps.collect(signal), {
      known: journal.set(),
      memory,
      previous: previous?.problems ?? [],
      at,
      accept: options.accept ?? [],
    })
    const { set, confirmed } = settled
    const update = set && (await journal.observe(set))
    if (update !== undefined) await publishUpdate(deps, signer, update)
    const problems = [...settled.collection.problems, ...remarks()]
    const collection = { ...settled.collection, problems }
    await recorder.record(settled.memory, collection, signal)
    for (const each of confirmed) log.info({ ...each }, 'packages in doubt are recorded as removed')
    return { update, packages: set?.packages.length ?? 0, collection, confirmed }
  } catch (error) {
    if (signal.aborted || isRefusedAccept(error)) throw error
    const failed = failedCollection(previous, error, at)
    const problems = [...failed.problems, ...remarks()]
    await recorder.record(memory, { ...failed, problems }, signal)
    throw error
  }
}

async function publishUpdate(
  deps: ReportDeps,
  signer: FactsSigner,
  update: FactUpdate,
): Promise<void> {
  const { epoch, sequence, kind } = update
  const { signed } = await signer.sign(update)
  deps.log.info({ epoch, sequence, kind }, 'package state changed')
  await deps.publish(encode(toWire(signed)))
}

/**
 * Returns a collection that failed as a whole. If the previous one failed too, its time is kept.
 */
function failedCollection(
  previous: FactCollection | undefined,
  error: unknown,
  at: string,
): FactCollection {
  const reason = shortReason(error instanceof Error ? error.message : String(error))
  const same = previous?.problems.find(({ kind }) => kind === 'failed')
  const problem = { manager: '', kind: 'failed', reason, since: same?.since ?? at }
  return { at, managers: previous?.managers ?? [], problems: [problem] }
}

/** Logs, stores and sends the results of collections. */
class CollectionRecorder {
  readonly #deps: ReportDeps
  readonly #signer: FactsSigner
  /** Managers and problems of the last collection that was sent. */
  #sent: string | undefined

  constructor(deps: ReportDeps, signer: FactsSigner) {
    this.#deps = deps
    this.#signer = signer
  }

  async record(
    memory: CollectionStore['memory'],
    collection: FactCollection,
    signal: AbortSignal,
  ): Promise<void> {
    const { collections } = this.#deps
    this.#logNew(collection.problems, collections.collection?.problems ?? [])
    await collections.save(memory, collection)
    await this.#sendChanged(collection, signal)
  }

  #logNew(problems: readonly FactProblem[], previous: readonly FactProblem[]): void {
    const { log } = this.#deps
    const known = new Set(previous.map(({ reason }) => reason))
    for (const problem of problems.filter(({ reason }) => !known.has(reason))) {
      const { manager, kind } = problem
      if (isFailure(problem)) log.error({ manager, kind }, describeProblem(problem))
      else log.warn({ manager, kind }, describeProblem(problem))
    }
  }

  async #sendChanged(collection: FactCollection, signal: AbortSignal): Promise<void> {
    const { managers, problems } = collection
    const current = JSON.stringify([managers, problems])
    if (current === this.#sent) return
    try {
      await this.#deps.send(await this.#signer.signCollection(collection), signal)
      this.#sent = current
    } catch (error) {
      // The next pull returns the collection. A coordinator of an older version doesn't accept it.
      if (!signal.aborted) this.#deps.log.debug({ error }, 'a collection was not sent')
    }
  }
}
