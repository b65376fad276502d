/** Returns the state of the coordinator and its hosts, and the data that a host needs to join. */
import type { AgentRow, StatusResponse } from '../../../protocols/control/messages.ts'
import type { control } from '../../../protocols/control/protocol.ts'
import { formatTicket } from '../../../protocols/enroll/ticket.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import type { FleetId, Sha256 } from '../../../shared/ids.ts'
import { VERSION } from '../../../shared/version.ts'
import type { Ledger } from '../../audit/ledger.ts'
import type { Database } from '../../database/database.ts'
import { observeHost, type ObservedHosts } from '../../fleet/host-state.ts'
import { ticketAddresses } from '../../fleet/ticket-addresses.ts'
import { describeOwnStorage } from '../../home/own-storage.ts'
import type { FactStore } from '../../inventory/fact-store.ts'
import { managersOf, problemsOf } from '../../inventory/host-collections.ts'
import type { AgentRecord, Agents } from '../../registry/agents.ts'
import { resolveHosts } from '../../registry/selector.ts'
import { selectedTargets } from '../../registry/targets.ts'
import { readTotals } from '../../repositories/content/totals.ts'
import { listOverviews } from '../../repositories/publish/overview.ts'
import { servedRow } from './served.ts'

type Control = Handlers<typeof control>
export type FleetHandlers = Pick<Control, 'status' | 'ticket' | 'agent.list' | 'target.resolve'>

export interface FleetDeps extends ObservedHosts {
  readonly agents: Agents
  readonly database: Database
  readonly ledger: Ledger
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
  /** The folders that this coordinator writes to: its home and the content. */
  readonly folders?: readonly string[]
}

export function fleetHandlers(deps: FleetDeps, options: FleetOptions): FleetHandlers {
  const { agents } = deps
  const resolve = async (on: readonly string[]): Promise<AgentRecord[]> =>
    resolveHosts(await agents.list(), on)
  return {
    status: () => statusResponse(deps, options),

    async ticket() {
      const root = Buffer.from(options.rootDigest, 'hex')
      const addresses = ticketAddresses(deps.addresses())
      return { ticket: formatTicket({ fleet: options.fleet, root, addresses }) }
    },

    'agent.list': async () => ({ agents: await agentRows(deps) }),

    'target.resolve': {
      targets: ({ on }) => selectedTargets(on, resolve),
      async run({ on }) {
        const chosen = (await resolve(on)).map((agent) => agentRow(agent, deps))
        return { agents: chosen.map(({ id, name, status }) => ({ id, name, status })) }
      },
    },
  }
}

function agentRow(agent: AgentRecord, observed: ObservedHosts): AgentRow {
  const { status, copies, clockOffsetMs, trouble } = observeHost(agent, observed)
  return defined({
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
    copies: copies && [...copies],
    clockOffsetMs,
    trouble,
  })
}

async function agentRows(deps: FleetDeps): Promise<AgentRow[]> {
  const all = await deps.agents.list()
  const reported = await deps.store.reported()
  const collections = await deps.store.collections.all()
  return all.map((agent) => {
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

async function statusResponse(deps: FleetDeps, options: FleetOptions): Promise<StatusResponse> {
  const { query } = deps.database
  const rows = (await deps.agents.list()).map((agent) => agentRow(agent, deps))
  const overviews = await listOverviews(query)
  return {
    coordinator: defined({
      name: options.name,
      version: VERSION,
      peerId: options.peerId,
      startedAt: rfc3339(options.startedAt),
      addresses: [...deps.addresses()],
      http: deps.http() ?? null,
      trouble: await describeOwnStorage(options.folders ?? []),
    }),
    repositories: overviews.map(({ id, lastSync, result, served }) => ({
      id,
      lastSync: lastSync === null ? null : rfc3339(lastSync),
      result,
      served: servedRow(served),
    })),
    agents: countByStatus(rows),
    troubles: rows.flatMap(({ name, trouble }) =>
      trouble === undefined ? [] : [{ name, trouble }],
    ),
    store: await readTotals(query),
    log: await logStatus(deps.ledger),
  }
}

function countByStatus(rows: readonly AgentRow[]): StatusResponse['agents'] {
  const counts = { connected: 0, offline: 0, pending: 0, revoked: 0 }
  for (const { status } of rows) counts[status] += 1
  return counts
}

async function logStatus(ledger: Ledger): Promise<StatusResponse['log']> {
  const { size, root } = await ledger.head()
  const signed = ledger.published()
  return {
    size,
    root: Buffer.from(root).toString('hex'),
    at: signed === undefined ? null : rfc3339(signed.at),
    openIntents: (await ledger.openIntents({ all: true })).length,
    frozen: ledger.frozen()?.message ?? null,
    unsigned: ledger.behind(),
  }
}
