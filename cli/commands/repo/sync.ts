/** `muster repo sync` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  repoId: { type: 'string', value: 'ID', summary: 'the repository' },
  all: { type: 'boolean', summary: 'all enabled repositories' },
  createSnapshot: { type: 'boolean', summary: 'create a snapshot of the result' },
  snapshotName: {
    type: 'string',
    value: 'NAME',
    summary: 'the name of the snapshot; default: the date and time',
  },
  allowRollback: {
    type: 'boolean',
    summary: 'accept metadata that is older than the last version',
  },
  acceptShrink: { type: 'boolean', summary: 'accept the loss of nearly all packages' },
  dryRun: {
    type: 'boolean',
    summary: 'print how much would be fetched and removed, and change nothing',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'mirror a repository and publish it',
  description:
    'A version is published only if every file that the metadata names was fetched and verified. ' +
    'Otherwise the missing files are listed, and the exit code is 3. --all syncs the other ' +
    'repositories even if one fails. If only some were synced, the exit code is 3.',
  flags,
  examples: [
    { command: 'muster repo sync --repo-id epel9', does: 'syncs one repository' },
    { command: 'muster repo sync --all', does: 'syncs all enabled repositories' },
    {
      command: 'muster repo sync --repo-id epel9 --create-snapshot --snapshot-name 2026-11',
      does: 'syncs it, and keeps this version as a snapshot',
    },
  ],
  output: true,
  handler: () => import('./sync.handler.ts'),
})
