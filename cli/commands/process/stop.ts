/** `muster process stop` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'
import { localFlag } from '../../runs/run-flags.ts'
import { DEFAULT_GRACE_MS } from '../../../shared/run-defaults.ts'

const flags = {
  ...localFlag,
  grace: {
    type: 'duration',
    value: 'TIME',
    summary: 'time between the signal and SIGKILL',
    default: DEFAULT_GRACE_MS,
    min: 0,
    max: 600_000,
  },
  signal: { type: 'string', value: 'NAME', summary: 'the first signal; default: SIGTERM' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  run: { summary: 'the run id, or a unique end or beginning of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'stop a run and all processes that it started',
  description: 'Prints `process stopped` after all processes of the run have ended.',
  flags,
  arguments: args,
  output: true,
  examples: [
    {
      command: 'muster process stop 3f9a71c2 --grace 30s',
      does: 'sends SIGTERM, and SIGKILL after 30 seconds',
    },
  ],
  handler: () => import('./stop.handler.ts'),
})
