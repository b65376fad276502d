/** `muster snapshot show` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  name: { type: 'string', value: 'NAME', summary: 'the name of the snapshot', required: true },
  repoId: { type: 'string', value: 'ID', summary: 'the repository' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'show one snapshot',
  flags,
  examples: [
    {
      command: 'muster snapshot show --name 2026-11',
      does: 'prints its repository, time and size',
    },
  ],
  output: true,
  handler: () => import('./show.handler.ts'),
})
