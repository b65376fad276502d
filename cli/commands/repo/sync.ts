/** `muster repo sync` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository' },
  all: { type: 'boolean', summary: 'every enabled repository' },
  createSnapshot: { type: 'boolean', summary: 'make a snapshot of the result' },
  snapshotName: { type: 'string', value: 'NAME', summary: 'its name; default: the date and time' },
  allowRollback: { type: 'boolean', summary: 'accept a revision below the last one' },
  acceptShrink: { type: 'boolean', summary: 'accept the loss of nearly all packages' },
  dryRun: { type: 'boolean', summary: 'say what would be fetched and removed, and do nothing' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'mirror a repository and publish it',
  description:
    'Nothing is published unless every file that the metadata names was fetched and verified; otherwise the exit code is 3 and the missing files are named. With --all a repository that fails does not keep the others from being synced; the exit code is 3 if only some were.',
  flags,
  examples: [
    { command: 'muster repo sync --repo-id epel9', does: 'one' },
    { command: 'muster repo sync --all', does: 'every enabled one' },
    {
      command: 'muster repo sync --repo-id epel9 --create-snapshot --snapshot-name 2026-11',
      does: 'and keep this state',
    },
  ],
  output: true,
  handler: () => import('./sync.handler.ts'),
})
