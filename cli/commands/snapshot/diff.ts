/** `muster snapshot diff` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  from: { type: 'string', value: 'NAME', summary: 'the older snapshot', required: true },
  to: { type: 'string', value: 'NAME', summary: 'the newer snapshot', required: true },
  repoId: { type: 'string', value: 'ID', summary: 'the repository' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'compare two snapshots',
  flags,
  examples: [
    {
      command: 'muster snapshot diff --from 2026-10 --to 2026-11',
      does: 'prints added, removed and updated packages, and their advisories',
    },
  ],
  output: true,
  handler: () => import('./diff.handler.ts'),
})
