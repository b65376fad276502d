/** `muster repo check` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'whether upstream has changes; exit code 100 if so',
  flags,
  examples: [
    {
      command: 'muster repo check --repo-id epel9 || muster repo sync --repo-id epel9',
      does: 'sync only where there is something',
    },
  ],
  output: true,
  handler: () => import('./check.handler.ts'),
})
