/** `muster repo publish` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository', required: true },
  snapshot: {
    type: 'string',
    value: 'NAME',
    summary: 'the snapshot to serve, also after later syncs; default: follow the newest version',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'select the version that `latest` serves',
  description:
    'With --snapshot, `latest` stays at that snapshot: later syncs store new versions, but do ' +
    'not serve them. Otherwise `latest` serves the newest version, also after later syncs.',
  flags,
  examples: [
    { command: 'muster repo publish --repo-id epel9', does: 'serves the newest version' },
    {
      command: 'muster repo publish --repo-id epel9 --snapshot 2026-10',
      does: 'serves a snapshot',
    },
  ],
  handler: () => import('./publish.handler.ts'),
})
