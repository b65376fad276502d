/** `muster repo show` */
import { defineCommand, type FlagSpecs, type FlagValues } from '../../program/command.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository', required: true },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'one repository',
  flags,
  examples: [
    {
      command: 'muster repo show --repo-id epel9',
      does: 'packages, revision, last sync, snapshots',
    },
  ],
  output: true,
  handler: () => import('./show.handler.ts'),
})
