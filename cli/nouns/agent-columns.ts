/** The columns of a table of hosts. */
import type { AgentRow } from '../../protocols/control/messages.ts'
import { clockStatus, clockWords } from '../terminal/clock-words.ts'
import { type FactProblem, isFailure } from '../../shared/facts/collection.ts'
import type { Column } from '../terminal/output.ts'

export const agentColumns: readonly Column<AgentRow>[] = [
  { header: 'name', value: (agent) => agent.name },
  { header: 'status', value: agentStatusWords },
  { header: 'version', value: (agent) => agent.version ?? undefined },
  { header: 'last seen', value: (agent) => agent.lastSeen ?? undefined },
  {
    header: 'labels',
    value: (agent) =>
      Object.entries(agent.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
  },
  { header: 'id', value: (agent) => agent.id, wide: true },
  { header: 'fingerprint', value: (agent) => agent.fingerprint, wide: true },
]

/** `connected`, `offline`, …, and problems of the host: `connected, clock 1h 0m ahead`. */
export function agentStatusWords(agent: AgentRow): string {
  const { status, copies, clockOffsetMs: offset, trouble } = agent
  const wrongClock =
    status !== 'revoked' && offset !== undefined && clockStatus(offset) !== 'ok'
      ? [`clock ${clockWords(offset)}`]
      : []
  return [
    status,
    ...(copies === undefined ? [] : ['copied']),
    // The text is `problem: path`. Only `muster agent show` prints the path.
    ...(trouble === undefined ? [] : trouble.split(':', 1)),
    ...factMarks(agent),
    ...wrongClock,
  ].join(', ')
}

function factMarks({ facts }: AgentRow): string[] {
  const failed = facts?.problems.find(isFailure)
  if (failed !== undefined) return [`${failed.manager || 'packages'} ${factMark(failed)}`]
  const isUnknown = facts?.problems.some(
    ({ manager, kind }) => manager === '' && kind === 'unsupported',
  )
  if (isUnknown === true) return ['packages unknown']
  const read = facts?.managers?.filter(({ state }) => state === 'read') ?? []
  const isEmpty = read.length > 0 && read.every(({ packages }) => packages === 0)
  return isEmpty ? [`${read.map(({ name }) => name).join(' and ')} empty`] : []
}

function factMark({ kind }: FactProblem): string {
  return kind === 'implausible' || kind === 'unreadable' ? kind : 'not taken'
}
