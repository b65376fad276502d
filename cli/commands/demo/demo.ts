/** `muster demo` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  once: { type: 'boolean', summary: 'end after the tour instead of staying until Ctrl-C' },
  agents: { type: 'integer', value: 'N', summary: 'how many hosts', default: 3, min: 1, max: 16 },
  keep: {
    accepts: 'path',
    type: 'string',
    value: 'DIR',
    summary: 'a folder for the demo that is kept; default: a temporary one',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'a whole fleet on this machine, with nothing configured',
  description:
    'Starts a coordinator and some agents as processes of their own, mirrors a small RPM repository, enrols the agents, moves content between them, ' +
    'collects their facts, runs a command on all, and verifies the log: every step with the command that you would type. No root, no network, nothing ' +
    'outside of its folder.',
  flags,
  examples: [
    { command: 'muster demo', does: 'stays until Ctrl-C, so that you can look around' },
    { command: 'muster demo --once', does: 'exits with 0 if everything worked' },
  ],
  daemon: true,
  handler: () => import('./demo.handler.ts'),
})
