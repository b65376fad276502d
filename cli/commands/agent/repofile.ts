/** `muster agent repofile` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'only this repository' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'print the .repo file for this host’s own dnf, served by its gateway',
  flags,
  examples: [
    {
      command: 'muster agent repofile > /etc/yum.repos.d/muster.repo',
      does: 'every published repository',
    },
    { command: 'muster agent repofile --repo-id epel9', does: 'one' },
  ],
  handler: () => import('./repofile.handler.ts'),
})
