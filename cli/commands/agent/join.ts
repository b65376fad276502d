/** `muster agent join` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  name: {
    type: 'string',
    value: 'NAME',
    summary: 'the name of this host in the fleet; default: the host name',
  },
  hostKey: {
    accepts: 'path',
    type: 'string',
    value: 'FILE',
    summary: "an OpenSSH ed25519 private key to use as the node's key",
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  ticket: {
    accepts: 'text',
    summary: 'the output of muster ticket or muster enroll token; - reads standard input',
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
      does: 'creates the home and prints the agent id; next: muster agent run',
    },
    {
      command: 'muster agent join muster-token1-… --host-key /etc/ssh/ssh_host_ed25519_key',
      does: "uses the host's SSH key as the node's key",
    },
  ],
  output: true,
  handler: () => import('./join.handler.ts'),
})
