/** `muster repo check` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'check whether the upstream has changes; exits with 100 if there are any',
  flags,
  examples: [
    {
      command: 'muster repo check --repo-id epel9 || muster repo sync --repo-id epel9',
      does: 'syncs only if there are changes',
    },
  ],
  output: true,
  handler: () => import('./check.handler.ts'),
})
