/** `muster process wait` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'
import { localFlag } from '../../runs/run-flags.ts'

const flags = {
  ...localFlag,
  timeout: {
    type: 'duration',
    value: 'TIME',
    summary: 'stop waiting after this time, and exit with 8',
    min: 1,
    max: 2_147_483_647,
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  run: { summary: 'the run id, or a unique end or beginning of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'wait until a run ends, and exit with its exit code',
  description:
    'Prints on stderr how the run ended, and exits like `muster run`. If the host or the ' +
    'coordinator does not answer for a minute, it exits with 125. --timeout sets how long the ' +
    'command waits for the host and the coordinator. If the wait ends first, the run continues.',
  flags,
  arguments: args,
  examples: [
    { command: 'muster process wait 3f9a71c2', does: 'does not print the output' },
    { command: 'muster process wait 3f9a71c2 --timeout 10m', does: 'waits at most ten minutes' },
  ],
  handler: () => import('./wait.handler.ts'),
})
