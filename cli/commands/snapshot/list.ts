/** `muster snapshot list` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'list the snapshots',
  flags,
  examples: [
    { command: 'muster snapshot list', does: 'lists the snapshots of all repositories' },
    {
      command: 'muster snapshot list --repo-id epel9',
      does: 'lists the snapshots of one repository',
    },
  ],
  output: true,
  handler: () => import('./list.handler.ts'),
})
