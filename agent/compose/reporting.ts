/** Collects the host's packages when they change, writes them to the journal, and reports them. */
import { watch } from 'node:fs'
import { facts } from '../../protocols/facts/protocol.ts'
import { type Client, openClient } from '../../protocols/rpc/call.ts'
import type { LocalInfo } from '../../node/content/local.ts'
import { collectAll } from '../facts/collect.ts'
import { createCollectors } from '../facts/all-collectors.ts'
import { pushFacts, sendCollection } from '../facts/push.ts'
import { createReport, type Report } from '../facts/report.ts'
import { watchPackages } from '../facts/watch.ts'
import type { Network } from './network.ts'
import type { AgentDeps, Stores } from './stores.ts'

export interface Reporting {
  readonly report: Report
  /** Collects now and after each change. Returns the handler of `muster agent facts`. */
  begin(working: AbortSignal, scope: AsyncDisposableStack): Required<LocalInfo>['reportFacts']
}

export function composeReporting(
  deps: AgentDeps & { readonly stores: Stores; readonly network: Network },
): Reporting {
  const { clock, log, stores, network } = deps
  const { fleet, id: agent } = stores.identity
  const collectors = createCollectors({ log }, { scratch: stores.scratch })
  const withCoordinator = async <T>(
    work: (client: Client<typeof facts>) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> => {
    const duplex = await network.openCoordinator(facts.id, signal)
    const client = openClient(facts, duplex, { clock })
    try {
      return await work(client)
    } finally {
      await client.close().catch(() => undefined)
    }
  }
  const report = createReport(
    {
      journal: stores.facts,
      key: stores.key,
      clock,
      log,
      collections: stores.collections,
      collect: (signal) => collectAll(collectors, {}, signal),
      publish: (bytes) => network.node.gossip.publish('facts', bytes),
      send: (collection, signal) =>
        withCoordinator((client) => sendCollection(client, collection, signal), signal),
    },
    { fleet, agent },
  )
  return {
    report,
    begin(working, scope) {
      const packages = watchPackages(
        { clock, log, watch },
        { databases: collectors.flatMap((collector) => collector.databases('/')) },
        () => report.collect(working, { remarks: packages.remarks }),
        working,
      )
      scope.defer(packages.stop)
      return async ({ accept }, signal) => {
        const collected = await report.collect(signal, { accept, remarks: packages.remarks })
        const result = await withCoordinator(
          (client) => pushFacts({ client, report, journal: stores.facts }, signal),
          signal,
        )
        return {
          result,
          packages: collected.packages,
          problems: collected.collection.problems,
          changed: collected.update !== undefined,
          confirmed: [...collected.confirmed],
        }
      }
    },
  }
}
