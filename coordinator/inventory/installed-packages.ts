/** Finds the hosts on which a package is installed, and the versions. */
import { rfc3339 } from '../../shared/clock.ts'
import type { AgentId } from '../../shared/ids.ts'
import type { Tx } from './fact-rows.ts'

/**
 * The maximum number of versions of one package on one host. A real host has fewer. Without this
 * limit, a host with false reports could make the response about all hosts too large.
 */
export const MAX_VERSIONS = 100

export interface InstalledPackage {
  readonly agent: string
  readonly manager: string
  readonly arch: string
  readonly epoch: number
  readonly version: string
  readonly release: string
  /** The time of the host's report. */
  readonly at: string
}

export interface Installed {
  /** At most {@link MAX_VERSIONS} for each host. */
  readonly packages: readonly InstalledPackage[]
  /** The hosts with more versions. */
  readonly crowded: ReadonlySet<string>
}

export async function findInstalled(
  tx: Tx,
  name: string,
  agents?: readonly AgentId[],
): Promise<Installed> {
  let query = tx
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
  const isExtra = rows.map((row, index) => rows[index - MAX_VERSIONS]?.agent === row.agent)
  return {
    packages: rows
      .filter((_, index) => isExtra[index] === false)
      .map(({ at, ...row }) => ({ ...row, at: rfc3339(at) })),
    crowded: new Set(rows.filter((_, index) => isExtra[index] === true).map((row) => row.agent)),
  }
}
