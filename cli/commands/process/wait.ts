/** `muster process wait` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'
import { localFlag } from '../../runs/run-flags.ts'

const flags = {
  ...localFlag,
  timeout: {
    type: 'duration',
    value: 'TIME',
    summary: 'how long to wait; exit code 8 if it still runs then',
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
  summary: 'wait for a run to end; exits as it did',
  description:
    'Says on stderr how it ended, and exits as `muster run` would. Waits a minute for a host or a coordinator that does not answer, with --timeout until then, and exits with 125 after that. The run goes on when the waiting ends before it.',
  flags,
  arguments: args,
  examples: [
    { command: 'muster process wait 3f9a71c2', does: 'without its output' },
    { command: 'muster process wait 3f9a71c2 --timeout 10m', does: 'at most ten minutes' },
  ],
  handler: () => import('./wait.handler.ts'),
})
