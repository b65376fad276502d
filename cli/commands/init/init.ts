/** `muster init` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  fleet: { type: 'string', value: 'NAME', summary: 'the name of the fleet', default: 'fleet' },
  operator: {
    accepts: 'path',
    type: 'list',
    value: 'FILE.pub',
    summary: "an operator's public key; default: your key",
  },
  name: {
    type: 'string',
    value: 'NAME',
    summary: 'the name of this coordinator; default: the host name',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: "create a coordinator's home: keys, database, configuration, the fleet's root",
  description:
    'Fails if the home exists. Your SSH key signs the root statement. Every operator has all ' +
    'rights and can grant rights to other keys.',
  flags,
  examples: [
    {
      command: 'muster init --fleet prod --operator ~/.ssh/id_ed25519.pub',
      does: 'makes you the operator',
    },
    {
      command: 'muster init --operator alice.pub --operator bob.pub --identity ~/.ssh/id_ed25519',
      does: 'creates a fleet with two operators; your key is one of them',
    },
  ],
  output: true,
  handler: () => import('./init.handler.ts'),
})
