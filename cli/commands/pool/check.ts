/** `muster pool check` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  deep: { type: 'boolean', summary: 'hash all blobs, which may take long' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'hash blobs of the pool, and fetch damaged ones again',
  description: [
    'Run it on the machine of the coordinator or agent. Without --deep it hashes all blobs whose',
    'files changed, and a sample of the others: at most 512 MiB, in at most 20 seconds. Damaged',
    'blobs are moved to quarantine and fetched again from agents or the upstream. A coordinator',
    'also checks the published files of every `latest`. --deep also checks those of every',
    'snapshot. Altered trees are built again. Exits with 9 if a file was damaged, missing or',
    'altered, even if all were repaired. With -o json: {deep, blobs, hashed, hashedBytes, damaged,',
    'missing,',
    'healed, found: [{blob, size, state: damaged|missing, files, healedFrom, reason}], repaired,',
    'unrepaired}.',
  ].join(' '),
  flags,
  examples: [
    { command: 'muster pool check', does: 'checks a sample, within seconds' },
    { command: 'muster pool check --deep', does: 'checks all blobs; Ctrl-C ends the check' },
  ],
  output: true,
  handler: () => import('./check.handler.ts'),
})
