/** `muster process status` */
import {
  type ArgumentSpecs,
  type ArgumentValues,
  defineCommand,
  type FlagValues,
} from '../../command.ts'
import { localFlag } from '../../run-flags.ts'

export type Flags = FlagValues<typeof localFlag>

const args = {
  run: { summary: 'the run id, or a unique prefix of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'the state of a run in a few words',
  flags: localFlag,
  arguments: args,
  examples: [
    {
      command: 'muster process status 0198f3b1',
      does: 'running, exited: 0, stopped, killed: SIGKILL, …',
    },
  ],
  output: true,
  handler: () => import('./status.handler.ts'),
})
