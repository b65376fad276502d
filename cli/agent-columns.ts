/** How hosts are shown in tables. */
import type { AgentRow } from '../protocols/control/messages.ts'
import type { Column } from './output.ts'

export const agentColumns: readonly Column<AgentRow>[] = [
  { header: 'name', value: (agent) => agent.name },
  {
    header: 'status',
    value: (agent) => (agent.copies === undefined ? agent.status : `${agent.status}, copied`),
  },
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
