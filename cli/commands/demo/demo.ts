/** `muster demo` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  once: { type: 'boolean', summary: 'end after the tour, instead of running until Ctrl-C' },
  agents: { type: 'integer', value: 'N', summary: 'number of hosts', default: 3, min: 1, max: 16 },
  keep: {
    accepts: 'path',
    type: 'string',
    value: 'DIR',
    summary: 'a new folder for the demo, which is kept; default: a temporary one',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'a whole fleet on this machine, without configuration',
  description:
    'Starts a coordinator and some agents as separate processes, mirrors a small RPM repository, ' +
    'enrols the agents, moves content between them, collects their facts, runs a command on all, ' +
    'and verifies the log. It shows the command of every step. It needs no root rights and no ' +
    'network, and changes nothing outside of its folder.',
  flags,
  examples: [
    { command: 'muster demo', does: 'runs until Ctrl-C, so that you can look around' },
    { command: 'muster demo --once', does: 'exits with 0 if everything worked' },
  ],
  daemon: true,
  handler: () => import('./demo.handler.ts'),
})
