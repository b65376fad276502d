/**
 * Each host's package state and its history in the database. The rows are derived from the hosts'
 * signed facts and never edited.
 */
import type { Kysely } from 'kysely'
import { parseRfc3339, rfc3339 } from '../../shared/clock.ts'
import { type FactEvent, without } from '../../shared/facts/events.ts'
import type { FactState } from '../../shared/facts/apply.ts'
import { type FactPackage, factSet, type HostFacts } from '../../shared/facts/package-set.ts'
import { type AgentId, blobId } from '../../shared/ids.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables/all.ts'
import { createHostCollections, type HostCollections } from './host-collections.ts'

type Tx = Kysely<Tables>
export type StoredEvent = Omit<FactEvent, 'event'> & { readonly event: FactEvent['event'] }

/**
 * Rows of one insert. With 7 columns each, they stay far below the limit of bound values of both
 * databases (32,766 and 65,535).
 */
const ROWS = 500
/** Rows of one delete. SQLite allows conditions of 1000 terms in a row; each row has 6. */
const DELETED_ROWS = 100
/**
 * Events of one answer. The answer reports how many older ones exist; a caller asks for those by
 * package.
 */
export const MAX_HISTORY = 10_000

/**
 * Versions of one package on one host, more than a real host has installed. Without this limit a
 * lying host could make the answer about all hosts too large.
 */
export const MAX_VERSIONS = 100

export interface FactChange {
  readonly before: FactState | undefined
  readonly after: FactState
  readonly events: readonly FactEvent[]
}

export interface FactStore {
  readonly collections: HostCollections
  state(agent: AgentId, tx?: Tx): Promise<FactState | undefined>
  /**
   * Stores what changed between two states, and appends the events to the host's history.
   * @param change.before the stored state, read in this transaction; undefined for the first
   */
  save(tx: Tx, agent: AgentId, change: FactChange): Promise<void>
  /**
   * The hosts that have reported their packages, each with the time of its report in milliseconds.
   */
  reported(): Promise<ReadonlyMap<string, number>>
  /** The newest {@link MAX_HISTORY} events, oldest first. */
  history(agent: AgentId, name?: string): Promise<StoredEvent[]>
  /** How many events {@link history} omits. */
  older(agent: AgentId, name?: string): Promise<number>
  /**
   * The installed versions of the package, at most {@link MAX_VERSIONS} for each host. If a host
   * has more, one more is returned: the caller omits it and reports that there are more.
   */
  installed(
    name: string,
    agents?: readonly AgentId[],
  ): Promise<
    {
      agent: string
      manager: string
      arch: string
      epoch: number
      version: string
      release: string
      at: number
    }[]
  >
}

export function createFactStore(deps: { database: Database }): FactStore {
  const { database } = deps
  return {
    collections: createHostCollections(database),

    async state(agent, tx = database.query) {
      const row = await tx
        .selectFrom('fact_state')
        .selectAll()
        .where('agent', '=', agent)
        .executeTakeFirst()
      if (row === undefined) return undefined
      const packages = await tx
        .selectFrom('fact_package')
        .selectAll()
        .where('agent', '=', agent)
        .execute()
      const set = factSet(
        JSON.parse(row.os) as HostFacts,
        packages.map(
          ({ manager, name, arch, epoch, version, release }): FactPackage => ({
            manager,
            name,
            arch,
            epoch,
            version,
            release,
          }),
        ),
      )
      return {
        epoch: row.epoch,
        sequence: row.sequence,
        root: blobId.parse(row.root),
        at: rfc3339(row.at),
        set,
      }
    },

    async save(tx, agent, { before, after, events }) {
      const row = {
        epoch: after.epoch,
        sequence: after.sequence,
        root: after.root,
        at: parseRfc3339(after.at),
        os: JSON.stringify(after.set.os),
      }
      await tx
        .insertInto('fact_state')
        .values({ agent, ...row })
        .onConflict((conflict) => conflict.column('agent').doUpdateSet(row))
        .execute()
      await savePackages(tx, agent, before?.set.packages ?? [], after.set.packages)
      await appendEvents(tx, agent, after, events)
    },

    async reported() {
      const rows = await database.query.selectFrom('fact_state').select(['agent', 'at']).execute()
      return new Map(rows.map(({ agent, at }) => [agent, at]))
    },

    async history(agent, name) {
      let query = database.query.selectFrom('fact_event').selectAll().where('agent', '=', agent)
      if (name !== undefined) query = query.where('name', '=', name)
      const rows = await query
        .orderBy('epoch', 'desc')
        .orderBy('sequence', 'desc')
        .orderBy('position', 'desc')
        .limit(MAX_HISTORY)
        .execute()
      return rows.reverse().map((row) => ({
        event: row.event as FactEvent['event'],
        at: rfc3339(row.at),
        manager: row.manager,
        name: row.name,
        arch: row.arch,
        from: row.from,
        to: row.to,
        source: row.source as FactEvent['source'],
        durationSeconds: row.duration === null ? null : Math.round(row.duration / 1000),
      }))
    },

    async older(agent, name) {
      let query = database.query
        .selectFrom('fact_event')
        .select((row) => row.fn.countAll().as('count'))
        .where('agent', '=', agent)
      if (name !== undefined) query = query.where('name', '=', name)
      const { count } = await query.executeTakeFirstOrThrow()
      return Math.max(0, Number(count) - MAX_HISTORY)
    },

    async installed(name, agents) {
      let query = database.query
        .selectFrom('fact_package')
        .innerJoin('fact_state', 'fact_state.agent', 'fact_package.agent')
        .select([
          'fact_package.agent',
          'manager',
          'arch',
          'fact_package.epoch',
          'version',
          'release',
          'fact_state.at',
        ])
        .where('name', '=', name)
      if (agents) query = query.where('fact_package.agent', 'in', agents)
      const rows = await query.orderBy('fact_package.agent').execute()
      return rows.filter((row, index) => rows[index - MAX_VERSIONS - 1]?.agent !== row.agent)
    },
  }
}

/** Deletes and inserts the rows in which two sorted lists differ; the others are not touched. */
async function savePackages(
  tx: Tx,
  agent: AgentId,
  before: readonly FactPackage[],
  after: readonly FactPackage[],
): Promise<void> {
  for (const part of chunks(without(before, after), DELETED_ROWS))
    await tx
      .deleteFrom('fact_package')
      .where('agent', '=', agent)
      .where((row) => row.or(part.map((pkg) => row.and({ ...pkg }))))
      .execute()
  for (const part of chunks(without(after, before), ROWS))
    await tx
      .insertInto('fact_package')
      .values(part.map((pkg) => ({ agent, ...pkg })))
      .execute()
}

async function appendEvents(
  tx: Tx,
  agent: AgentId,
  { epoch, sequence }: FactState,
  events: readonly FactEvent[],
): Promise<void> {
  const rows = events.map((event, position) => ({
    agent,
    epoch,
    sequence,
    position,
    at: parseRfc3339(event.at),
    event: event.event,
    manager: event.manager,
    name: event.name,
    arch: event.arch,
    from: event.from,
    to: event.to,
    source: event.source,
    duration: event.durationSeconds === null ? null : event.durationSeconds * 1000,
  }))
  for (const part of chunks(rows, ROWS)) await tx.insertInto('fact_event').values(part).execute()
}

function* chunks<T>(rows: readonly T[], size: number): Generator<T[]> {
  for (let start = 0; start < rows.length; start += size) yield rows.slice(start, start + size)
}
