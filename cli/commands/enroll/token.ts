/** `muster enroll token` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  label: { type: 'pairs', value: 'K=V', summary: 'a label for the host' },
  ttl: {
    type: 'duration',
    value: 'TIME',
    summary: 'validity, at most 1h',
    default: 900_000,
    min: 1_000,
    max: 3_600_000,
  },
  approve: { type: 'boolean', summary: 'approve the host when it joins' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'print a single-use token for a new host',
  description: 'The token is the ticket with a secret. Treat it like a password until it is used.',
  flags,
  examples: [
    {
      command: 'muster enroll token --approve --label role=web',
      does: 'prints a token for 15 minutes; the host needs no further approval',
    },
    {
      command: 'muster enroll token',
      does: 'prints a token; the host then waits for `muster enroll approve`',
    },
  ],
  output: true,
  needs: [{ namespace: 'fleet', level: 'control' }],
  handler: () => import('./token.handler.ts'),
})
