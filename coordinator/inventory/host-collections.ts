/** Stores the newest collection of each host, and the refusals of its facts. */
import type { Kysely } from 'kysely'
import { rfc3339 } from '../../shared/clock.ts'
import {
  type FactCollection,
  factCollection,
  type FactManager,
  type FactProblem,
} from '../../shared/facts/collection.ts'
import type { AgentId } from '../../shared/ids.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables/all.ts'

type Tx = Kysely<Tables>

export interface HostCollection {
  /** The newest report. Undefined for hosts of an older version. */
  readonly collection: FactCollection | undefined
  /**
   * The reason why the host's facts are refused, and the time of the first refusal. Undefined if
   * they are accepted.
   */
  readonly refused: { readonly at: string; readonly reason: string } | undefined
}

export interface HostCollections {
  of(agent: AgentId): Promise<HostCollection | undefined>
  /** Returns the records of all hosts that have reported, by agent. */
  all(): Promise<ReadonlyMap<string, HostCollection>>
  report(agent: AgentId, collection: FactCollection, now: number): Promise<void>
  refuse(agent: AgentId, reason: string, now: number): Promise<void>
  /** Records that the host's facts were accepted, and removes an earlier refusal. */
  clearRefusal(tx: Tx, agent: AgentId): Promise<void>
}

export function createHostCollections({ query }: Pick<Database, 'query'>): HostCollections {
  return {
    async of(agent) {
      const row = await query
        .selectFrom('fact_collection')
        .selectAll()
        .where('agent', '=', agent)
        .executeTakeFirst()
      return row && read(row)
    },
    async all() {
      const rows = await query.selectFrom('fact_collection').selectAll().execute()
      return new Map(rows.map((row) => [row.agent, read(row)]))
    },
    async report(agent, collection, now) {
      const row = { received_at: now, collection: JSON.stringify(collection) }
      await query
        .insertInto('fact_collection')
        .values({ agent, refused_at: null, refused: null, ...row })
        .onConflict((conflict) => conflict.column('agent').doUpdateSet(row))
        .execute()
    },
    async refuse(agent, refused, now) {
      const row = { agent, received_at: null, collection: null, refused_at: now, refused }
      // Repeated refusals keep the time of the first one.
      await query
        .insertInto('fact_collection')
        .values(row)
        .onConflict((conflict) =>
          conflict.column('agent').doUpdateSet((update) => ({
            refused,
            refused_at: update.fn.coalesce('fact_collection.refused_at', update.val(now)),
          })),
        )
        .execute()
    },
    async clearRefusal(tx, agent) {
      await tx
        .updateTable('fact_collection')
        .set({ refused: null, refused_at: null })
        .where('agent', '=', agent)
        .where('refused', 'is not', null)
        .execute()
    },
  }
}

function read(row: {
  collection: string | null
  refused: string | null
  refused_at: number | null
}): HostCollection {
  const { collection, refused, refused_at: at } = row
  return {
    collection: collection === null ? undefined : factCollection.parse(JSON.parse(collection)),
    refused: refused === null || at === null ? undefined : { at: rfc3339(at), reason: refused },
  }
}

/** Returns the host's results for each package manager, if it reports them. */
export function managersOf(host: HostCollection | undefined): { managers?: FactManager[] } {
  const managers = host?.collection?.managers ?? []
  return managers.length === 0 ? {} : { managers }
}

/**
 * Returns all problems with the host's facts: those that the host reports, and those that this
 * coordinator found.
 */
export function problemsOf(host: HostCollection | undefined): FactProblem[] {
  const { collection, refused } = host ?? {}
  const own = collection?.problems ?? []
  if (refused === undefined) return own
  return [...own, { manager: '', kind: 'failed', reason: refused.reason, since: refused.at }]
}
