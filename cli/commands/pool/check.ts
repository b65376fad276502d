/** `muster pool check` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  deep: { type: 'boolean', summary: 'hash everything, however long it takes' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'hash content of the pool, and fetch again what is damaged',
  description:
    'Works on the machine of the node, coordinator or agent. Without --deep it hashes what changed since it was verified, and a sample of the rest: at most 512 MiB, in at most 20 seconds. Damaged content goes to quarantine and is fetched again from agents, the upstream or the fleet. A coordinator also compares the files that latest of each repository serves, and with --deep those of the snapshots, and lays out again what was altered. Exit code 9 if anything was damaged, missing or altered, also where all of it was put right. With -o json: {deep, blobs, hashed, hashedBytes, damaged, missing, healed, found: [{blob, size, state: damaged|missing, files, healedFrom, reason}], repaired, unrepaired}.',
  flags,
  examples: [
    { command: 'muster pool check', does: 'a sample, in seconds' },
    { command: 'muster pool check --deep', does: 'everything, with progress; Ctrl-C ends it' },
  ],
  output: true,
  handler: () => import('./check.handler.ts'),
})
