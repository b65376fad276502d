/** `muster agent repofile` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'only this repository' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: "print the .repo file for dnf and zypper of this host, with the agent's address",
  flags,
  examples: [
    {
      command: 'muster agent repofile > /etc/yum.repos.d/muster.repo',
      does: 'writes all published repositories',
    },
    { command: 'muster agent repofile --repo-id epel9', does: 'writes one repository' },
  ],
  handler: () => import('./repofile.handler.ts'),
})
