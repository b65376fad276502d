/** `muster snapshot delete` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  name: { type: 'string', value: 'NAME', summary: 'the name of the snapshot', required: true },
  repoId: { type: 'string', value: 'ID', summary: 'the repository' },
  yes: { type: 'boolean', summary: 'do not ask for confirmation' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'delete a snapshot',
  flags,
  examples: [
    {
      command: 'muster snapshot delete --name 2026-10 --yes',
      does: 'keeps packages that another version contains',
    },
  ],
  handler: () => import('./delete.handler.ts'),
})
