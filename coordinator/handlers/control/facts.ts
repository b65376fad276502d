/**
 * Returns the packages of hosts. Each response has the time of the report, so that old facts of an
 * offline host don't look current.
 */
import type { control } from '../../../protocols/control/protocol.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import { defined } from '../../../shared/defined.ts'
import type { FactEvent } from '../../../shared/facts/events.ts'
import type { FactStore } from '../../inventory/fact-store.ts'
import { findPackage } from '../../inventory/find-package.ts'
import { readHostFacts } from '../../inventory/host-facts.ts'
import type { AgentRecord, Agents } from '../../registry/agents.ts'
import { namedTarget } from '../../registry/targets.ts'

type Control = Handlers<typeof control>
export type FactsHandlers = Pick<Control, 'facts.show' | 'facts.history' | 'package.find'>

/**
 * The number of hosts that a response names because they may have a package. The response also has
 * the total number.
 */
const MAX_UNSURE = 1000

export interface FactsDeps {
  readonly agents: Agents
  readonly store: FactStore
  readonly connected: (peerId: string) => boolean
}

export function factsHandlers(deps: FactsDeps): FactsHandlers {
  const { agents, store } = deps
  const targets = ({ host }: { host: string }) => namedTarget(agents, host)
  return {
    'facts.show': {
      targets,
      run: async ({ host }) => showFacts(store, await agents.find(host)),
    },

    'facts.history': {
      targets,
      async run({ host, package: name }) {
        const { id } = await agents.find(host)
        const { events, omitted } = await store.history(id, name)
        return defined({
          omitted: omitted === 0 ? undefined : omitted,
          events: events.map(eventRow),
        })
      },
    },

    async 'package.find'(request) {
      const { found, crowded, unsure } = await findPackage(deps, request)
      return defined({
        found: [...found],
        crowded: crowded.length === 0 ? undefined : [...crowded],
        unsure: unsure.slice(0, MAX_UNSURE),
        unsureCount: unsure.length,
      })
    },
  }
}

async function showFacts(store: FactStore, agent: AgentRecord) {
  const { state, ...findings } = await readHostFacts(store, agent)
  const { epoch, sequence, root, at, set } = state
  return {
    host: agent.name,
    agent: agent.id,
    epoch,
    sequence,
    root,
    at,
    os: { ...set.os },
    packages: [...set.packages],
    ...findings,
  }
}

function eventRow({ at, event, manager, name, from, to, source, durationSeconds }: FactEvent) {
  return { at, event, manager, name, from, to, source, durationSeconds }
}
