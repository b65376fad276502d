/** `muster snapshot create` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository', required: true },
  name: { type: 'string', value: 'NAME', summary: 'the name of the snapshot', required: true },
  description: {
    accepts: 'text',
    type: 'string',
    value: 'TEXT',
    summary: 'a description',
    default: '',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'keep the newest version of a repository under a name',
  flags,
  examples: [
    { command: 'muster snapshot create --repo-id epel9 --name 2026-11', does: 'copies no files' },
  ],
  handler: () => import('./create.handler.ts'),
})
