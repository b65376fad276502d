/** `muster grant revoke` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  yes: { type: 'boolean', summary: 'do not ask for confirmation' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  id: { summary: 'the id of the grant' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'revoke a grant and all grants that depend on it',
  flags,
  arguments: args,
  examples: [
    {
      command: 'muster grant revoke 0198f3b1-7c2e-7d1a-9a41-5d0f6f0c2b77 --yes',
      does: 'takes effect at once',
    },
  ],
  needs: [{ namespace: 'policy', level: 'control' }],
  handler: () => import('./revoke.handler.ts'),
})
