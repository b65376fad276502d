/**
 * Answers about hosts' packages. Every answer says how old it is; an offline host's facts are never
 * shown as if they were true now.
 */
import type { control } from '../../../protocols/control/protocol.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import type { Target } from '../../../protocols/rpc/peer.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import {
  describeProblem,
  type FactProblem,
  isFailure,
  isStale,
} from '../../../shared/facts/collection.ts'
import { type InstalledVersion, versionCondition } from '../../../shared/facts/version-condition.ts'
import { versionsOf } from '../../../shared/packages/managers.ts'
import { inventoryError } from '../../inventory/errors.ts'
import { type FactStore, MAX_HISTORY, MAX_VERSIONS } from '../../inventory/fact-store.ts'
import { managersOf, problemsOf } from '../../inventory/host-collections.ts'
import type { Agents } from '../../registry/agents.ts'
import { registryError } from '../../registry/errors.ts'

type Control = Handlers<typeof control>
export type FactsHandlers = Pick<Control, 'facts.show' | 'facts.history' | 'package.find'>

/**
 * Hosts that are named because they may have a package or not; the answer says how many there are.
 */
const MAX_UNSURE = 1000

export function factsHandlers(deps: {
  agents: Agents
  store: FactStore
  connected: (peerId: string) => boolean
}): FactsHandlers {
  const targets = async ({ host }: { host: string }): Promise<Target[]> => {
    try {
      const agent = await deps.agents.find(host)
      return [{ agent: agent.id, labels: agent.labels }]
    } catch (error) {
      // Whoever may see every host learns that there is none of this name; others get the same
      // refusal either way.
      if (registryError.is(error)) return [{}]
      throw error
    }
  }

  return {
    'facts.show': {
      targets,
      async run({ host }) {
        const agent = await deps.agents.find(host)
        const state = await deps.store.state(agent.id)
        const collection = await deps.store.collections.of(agent.id)
        const problems = problemsOf(collection)
        if (state === undefined) {
          if (problems.length === 0) throw inventoryError('inventory.none', { host: agent.name })
          const reason = problems.map(describeProblem).join('; ')
          throw inventoryError('inventory.unknown', { host: agent.name, reason })
        }
        return {
          host: agent.name,
          agent: agent.id,
          epoch: state.epoch,
          sequence: state.sequence,
          root: state.root,
          at: state.at,
          os: { ...state.set.os },
          packages: [...state.set.packages],
          problems,
          ...managersOf(collection),
        }
      },
    },

    'facts.history': {
      targets,
      async run(request) {
        const agent = await deps.agents.find(request.host)
        const events = await deps.store.history(agent.id, request.package)
        const full = events.length === MAX_HISTORY
        const omitted = full ? await deps.store.older(agent.id, request.package) : 0
        return {
          ...(omitted === 0 ? {} : { omitted }),
          events: events.map(({ at, event, manager, name, from, to, source, durationSeconds }) => ({
            at,
            event,
            manager,
            name,
            from,
            to,
            source,
            durationSeconds,
          })),
        }
      },
    },

    'package.find': async ({ name, version, on }) => {
      // Of members only: what a host said before it was revoked is no finding about the fleet;
      // `facts show` still has it.
      const agents =
        on === undefined
          ? (await deps.agents.list()).filter((agent) => agent.status === 'approved')
          : await deps.agents.select(on)
      const byId = new Map<string, (typeof agents)[number]>(
        agents.map((agent) => [agent.id, agent]),
      )
      const matches = condition(version)
      const rows = await deps.store.installed(
        name,
        on === undefined ? undefined : agents.map((agent) => agent.id),
      )
      const crowded = new Set<string>()
      const shown = rows.filter((row, index) => {
        if (rows[index - MAX_VERSIONS]?.agent !== row.agent) return true
        crowded.add(byId.get(row.agent)?.name ?? row.agent)
        return false
      })
      const collections = await deps.store.collections.all()
      const reported = await deps.store.reported()
      const found = shown.flatMap((row) => {
        const agent = byId.get(row.agent)
        if (agent === undefined || !matches(row)) return []
        const problem = problemsOf(collections.get(agent.id)).find((problem) =>
          isStale([problem], row.manager),
        )
        return [
          {
            host: agent.name,
            manager: row.manager,
            name,
            version: versionsOf(row.manager).format(row),
            arch: row.arch,
            seenAt: rfc3339(row.at),
            stale: !deps.connected(agent.peerId) || problem !== undefined,
            ...(problem === undefined ? {} : { problem: describeProblem(problem) }),
          },
        ]
      })
      const unsure = agents.flatMap((agent) => {
        const problems = problemsOf(collections.get(agent.id)).filter(
          (problem) => leavesOpen(problem) || isOddOf(problem, name),
        )
        const isKnown = reported.has(agent.id) && problems.length === 0
        if (isKnown || agent.status !== 'approved') return []
        const reason = problems.map(describeProblem).join('; ')
        return [{ host: agent.name, reason: reason === '' ? 'it has not reported yet' : reason }]
      })
      return {
        found,
        ...(crowded.size === 0 ? {} : { crowded: [...crowded] }),
        unsure: unsure.slice(0, MAX_UNSURE),
        unsureCount: unsure.length,
      }
    },
  }
}

/** True if the host may have packages that are not known here. */
function leavesOpen(problem: FactProblem): boolean {
  return isFailure(problem) || (problem.kind === 'unsupported' && problem.manager === '')
}

/** True if a record of this package could not be read: each odd reason begins with a name. */
function isOddOf({ kind, reason }: FactProblem, name: string): boolean {
  return kind === 'odd' && reason.split('; ').some((words) => words.startsWith(`${name} `))
}

/** Without a condition every version passes. @throws inventory.bad-version */
function condition(text: string | undefined): (installed: InstalledVersion) => boolean {
  if (text === undefined) return () => true
  const matches = versionCondition(text)
  if (matches === undefined) throw inventoryError('inventory.bad-version', { version: text })
  return matches
}
