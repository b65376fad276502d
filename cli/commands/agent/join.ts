/** `muster agent join` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  name: {
    type: 'string',
    value: 'NAME',
    summary: 'what people call this host; default: the host name',
  },
  hostKey: {
    accepts: 'path',
    type: 'string',
    value: 'FILE',
    summary: 'an OpenSSH ed25519 private key to use as the node’s key',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  ticket: {
    accepts: 'text',
    summary: 'what muster ticket or muster enroll token printed; - reads it from standard input',
  },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'join a fleet with a ticket or a token',
  flags,
  arguments: args,
  examples: [
    {
      command: 'muster agent join muster-token1-… --name web-17',
      does: 'writes the home and prints the agent id; then: muster agent run',
    },
    {
      command: 'muster agent join muster-token1-… --host-key /etc/ssh/ssh_host_ed25519_key',
      does: 'with the host’s SSH key as the node’s',
    },
  ],
  output: true,
  handler: () => import('./join.handler.ts'),
})
