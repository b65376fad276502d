/** `muster repo show` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository', required: true },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'show one repository',
  flags,
  examples: [
    {
      command: 'muster repo show --repo-id epel9',
      does: 'prints packages, revision, last sync and snapshots',
    },
  ],
  output: true,
  handler: () => import('./show.handler.ts'),
})
