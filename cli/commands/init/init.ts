/** `muster init` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  fleet: { type: 'string', value: 'NAME', summary: 'what people call the fleet', default: 'fleet' },
  operator: {
    accepts: 'path',
    type: 'list',
    value: 'FILE.pub',
    summary: "an operator's public key; default: the key that signs",
  },
  name: {
    type: 'string',
    value: 'NAME',
    summary: 'what people call this coordinator; default: the host name',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: "make a coordinator's home: keys, database, configuration, the fleet's root",
  description:
    "Refuses a home that exists. The root statement is signed with your SSH key; whoever holds one of the operators' keys may do everything and grant rights to others.",
  flags,
  examples: [
    {
      command: 'muster init --fleet prod --operator ~/.ssh/id_ed25519.pub',
      does: 'you hold the root',
    },
    {
      command: 'muster init --operator alice.pub --operator bob.pub --identity ~/.ssh/id_ed25519',
      does: 'two operators; yours is one of the keys',
    },
  ],
  output: true,
  handler: () => import('./init.handler.ts'),
})
