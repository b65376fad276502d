/** Answers about the fleet itself: the coordinator, its hosts, how to join. */
import type { control } from '../../../protocols/control/protocol.ts'
import type { AgentRow, StatusResponse } from '../../../protocols/control/messages.ts'
import type { Trouble } from '../../../protocols/hello/messages.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import { isLoopback } from '../../../node/libp2p/address.ts'
import { formatTicket, MAX_TICKET_ADDRESSES } from '../../../protocols/enroll/ticket.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import type { FleetId, Sha256 } from '../../../shared/ids.ts'
import { isFull } from '../../../shared/free-space.ts'
import { describeStorageFailure } from '../../../shared/storage/storage-error.ts'
import { VERSION } from '../../../shared/version.ts'
import type { Ledger } from '../../audit/ledger.ts'
import type { Database } from '../../database/database.ts'
import type { AgentRecord, Agents } from '../../registry/agents.ts'
import type { FactStore } from '../../inventory/fact-store.ts'
import { managersOf, problemsOf } from '../../inventory/host-collections.ts'
import { registryError } from '../../registry/errors.ts'
import { selectHosts, targetsWithoutHosts } from '../../registry/selector.ts'
import { servedOf } from './served.ts'

type Control = Handlers<typeof control>
export type FleetHandlers = Pick<Control, 'status' | 'ticket' | 'agent.list' | 'target.resolve'>

export interface FleetDeps {
  readonly agents: Agents
  readonly database: Database
  readonly ledger: Ledger
  readonly connected: (peerId: string) => boolean
  /** Addresses of the machines that run as one host. */
  readonly copies: (peerId: string) => readonly string[] | undefined
  /** Milliseconds by which a host's clock is ahead; undefined where it has not greeted yet. */
  readonly clockOffset: (peerId: string) => number | undefined
  /** What a host reported of its own disk in its last greeting. */
  readonly trouble?: (peerId: string) => Trouble | undefined
  readonly store: Pick<FactStore, 'reported' | 'collections'>
  readonly addresses: () => readonly string[]
  readonly http: () => string | undefined
}

export interface FleetOptions {
  readonly fleet: FleetId
  readonly name: string
  readonly peerId: string
  readonly rootDigest: Sha256
  readonly startedAt: number
  /** Where this coordinator writes: its home, and the place of the content. */
  readonly folders?: readonly string[]
}

export function agentRow(
  agent: AgentRecord,
  deps: Pick<FleetDeps, 'connected' | 'copies' | 'clockOffset' | 'trouble'>,
): AgentRow {
  const { connected, copies, clockOffset } = deps
  const copied = copies(agent.peerId)
  const offset = clockOffset(agent.peerId)
  const trouble = connected(agent.peerId) ? deps.trouble?.(agent.peerId) : undefined
  const status =
    agent.status === 'approved' ? (connected(agent.peerId) ? 'connected' : 'offline') : agent.status
  return {
    name: agent.name,
    id: agent.id,
    status,
    labels: { ...agent.labels },
    lastSeen: agent.lastSeen,
    version: agent.version,
    peerId: agent.peerId,
    fingerprint: agent.fingerprint,
    enrolledAt: agent.enrolledAt,
    addresses: [...agent.addresses],
    ...(copied === undefined ? {} : { copies: [...copied] }),
    ...(offset === undefined ? {} : { clockOffsetMs: offset }),
    ...(trouble === undefined ? {} : { trouble: describeStorageFailure(trouble) }),
  }
}

/**
 * The addresses that a ticket names: where other hosts find this node. Loopback only where there is
 * nothing else, since on another host it is that host, where an agent may listen on the same port.
 */
export function ticketAddresses(addresses: readonly string[]): readonly string[] {
  const elsewhere = addresses.filter((address) => !isLoopback(address))
  return (elsewhere.length > 0 ? elsewhere : addresses).slice(0, MAX_TICKET_ADDRESSES)
}

/** A failure of this coordinator's own disk, by its free space. */
async function ownTrouble({ folders = [] }: FleetOptions): Promise<string | undefined> {
  for (const path of folders)
    if (await isFull(path)) return describeStorageFailure({ code: 'storage.full', path })
  return undefined
}

export function fleetHandlers(deps: FleetDeps, options: FleetOptions): FleetHandlers {
  const { agents, database, ledger } = deps

  const rows = async (chosen: readonly AgentRecord[]): Promise<AgentRow[]> => {
    const reported = await deps.store.reported()
    const collections = await deps.store.collections.all()
    return chosen.map((agent) => {
      const at = reported.get(agent.id)
      const host = collections.get(agent.id)
      const facts = {
        at: at === undefined ? null : rfc3339(at),
        problems: problemsOf(host),
        ...managersOf(host),
      }
      return { ...agentRow(agent, deps), facts }
    })
  }

  const repositories = async (): Promise<StatusResponse['repositories']> => {
    const known = await database.query.selectFrom('repository').select('id').orderBy('id').execute()
    return Promise.all(
      known.map(async ({ id }) => {
        const last = await database.query
          .selectFrom('sync_run')
          .select(['finished_at', 'result'])
          .where('repository', '=', id)
          .orderBy('started_at', 'desc')
          .limit(1)
          .executeTakeFirst()
        return {
          id,
          lastSync: typeof last?.finished_at === 'number' ? rfc3339(last.finished_at) : null,
          result: last?.result ?? null,
          served: await servedOf(database, id),
        }
      }),
    )
  }

  /**
   * A set means the hosts that take part. A pending or revoked one is meant by its name only:
   * approving one begins with naming it.
   */
  const resolve = async (on: readonly string[]): Promise<AgentRecord[]> => {
    const all = await agents.list()
    const approved = all.filter((agent) => agent.status === 'approved')
    const chosen = new Set(
      on.flatMap((text) =>
        selectHosts(text === 'all' || text.includes('=') ? approved : all, [text]),
      ),
    )
    return all.filter((agent) => chosen.has(agent))
  }

  return {
    async status() {
      const rows = (await agents.list()).map((agent) => agentRow(agent, deps))
      const count = (status: AgentRow['status']): number =>
        rows.filter((row) => row.status === status).length
      const trouble = await ownTrouble(options)
      const head = await ledger.head()
      const signed = ledger.published()
      const store = await database.query
        .selectFrom('blob')
        .select((row) => [row.fn.countAll().as('blobs'), row.fn.sum('size').as('bytes')])
        .executeTakeFirstOrThrow()
      return {
        coordinator: {
          name: options.name,
          version: VERSION,
          peerId: options.peerId,
          startedAt: rfc3339(options.startedAt),
          addresses: [...deps.addresses()],
          http: deps.http() ?? null,
          ...(trouble === undefined ? {} : { trouble }),
        },
        repositories: await repositories(),
        agents: {
          connected: count('connected'),
          offline: count('offline'),
          pending: count('pending'),
          revoked: count('revoked'),
        },
        troubles: rows.flatMap(({ name, trouble }) =>
          trouble === undefined ? [] : [{ name, trouble }],
        ),
        store: { blobs: Number(store.blobs), bytes: Number(store.bytes ?? 0) },
        log: {
          size: head.size,
          root: Buffer.from(head.root).toString('hex'),
          at: signed === undefined ? null : rfc3339(signed.at),
          openIntents: (await ledger.openIntents({ all: true })).length,
          frozen: ledger.frozen()?.message ?? null,
          unsigned: ledger.behind(),
        },
      }
    },

    async ticket() {
      const root = Buffer.from(options.rootDigest, 'hex')
      return {
        ticket: formatTicket({
          fleet: options.fleet,
          root,
          addresses: ticketAddresses(deps.addresses()),
        }),
      }
    },

    'agent.list': async () => ({
      agents: await rows(await agents.list()),
    }),

    'target.resolve': {
      async targets({ on }) {
        try {
          return (await resolve(on)).map((agent) => ({ agent: agent.id, labels: agent.labels }))
        } catch (error) {
          // A caller that may see such hosts learns that there is none. Others get the same refusal
          // either way.
          if (registryError.is(error)) return targetsWithoutHosts(on)
          throw error
        }
      },
      async run({ on }) {
        const chosen = (await resolve(on)).map((agent) => agentRow(agent, deps))
        return { agents: chosen.map(({ id, name, status }) => ({ id, name, status })) }
      },
    },
  }
}
