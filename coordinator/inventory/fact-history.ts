/** Reads the history of a host's packages. */
import { parseRfc3339, rfc3339 } from '../../shared/clock.ts'
import type { FactState } from '../../shared/facts/apply.ts'
import type { FactEvent } from '../../shared/facts/events.ts'
import type { AgentId } from '../../shared/ids.ts'
import { inChunks, INSERTED_ROWS, type Tx } from './fact-rows.ts'

/**
 * The maximum number of events in a response. The response also has the number of older events. A
 * caller gets older events by asking for one package.
 */
export const MAX_HISTORY = 10_000

export interface History {
  /** The newest {@link MAX_HISTORY} events, oldest first. */
  readonly events: readonly FactEvent[]
  /** The number of older events. */
  readonly omitted: number
}

/** Returns the history of a host, or only of its packages with this name. */
export async function readHistory(
  tx: Tx,
  agent: AgentId,
  name: string | undefined,
): Promise<History> {
  const events = await readNewest(tx, agent, name)
  const isCut = events.length === MAX_HISTORY
  return { events, omitted: isCut ? await countOlder(tx, agent, name) : 0 }
}

async function readNewest(tx: Tx, agent: AgentId, name: string | undefined): Promise<FactEvent[]> {
  let query = tx.selectFrom('fact_event').selectAll().where('agent', '=', agent)
  if (name !== undefined) query = query.where('name', '=', name)
  const rows = await query
    .orderBy('epoch', 'desc')
    .orderBy('sequence', 'desc')
    .orderBy('position', 'desc')
    .limit(MAX_HISTORY)
    .execute()
  return rows.reverse().map((row) => ({
    event: row.event,
    at: rfc3339(row.at),
    manager: row.manager,
    name: row.name,
    arch: row.arch,
    from: row.from,
    to: row.to,
    source: row.source,
    durationSeconds: row.duration === null ? null : Math.round(row.duration / 1000),
  }))
}

async function countOlder(tx: Tx, agent: AgentId, name: string | undefined): Promise<number> {
  let query = tx
    .selectFrom('fact_event')
    .select((row) => row.fn.countAll().as('count'))
    .where('agent', '=', agent)
  if (name !== undefined) query = query.where('name', '=', name)
  const { count } = await query.executeTakeFirstOrThrow()
  return Math.max(0, Number(count) - MAX_HISTORY)
}

export async function appendEvents(
  tx: Tx,
  agent: AgentId,
  { epoch, sequence }: FactState,
  events: readonly FactEvent[],
): Promise<void> {
  const rows = events.map(({ durationSeconds, at, ...event }, position) => ({
    ...event,
    agent,
    epoch,
    sequence,
    position,
    at: parseRfc3339(at),
    duration: durationSeconds === null ? null : durationSeconds * 1000,
  }))
  for (const part of inChunks(rows, INSERTED_ROWS))
    await tx.insertInto('fact_event').values(part).execute()
}
