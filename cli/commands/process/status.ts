/** `muster process status` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagValues } from '../../program/flags.ts'
import { localFlag } from '../../runs/run-flags.ts'

export type Flags = FlagValues<typeof localFlag>

const args = {
  run: { summary: 'the run id, or a unique end or beginning of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'print the state of a run',
  description: [
    'Prints `running`, `exited: N`, `stopped`, `killed: SIGNAL`, `failed to start: REASON` or',
    '`lost: REASON`. If the host does not answer, it prints the last reported state with a mark:',
    '`running (web-17 offline since 12:03)`. In JSON these are `stale`, `seenAt`, `contact` and',
    '`unreachableSince`. `not confirmed` means that the host has not reported whether it started',
    'the run.',
  ].join(' '),
  flags: localFlag,
  arguments: args,
  examples: [
    {
      command: 'muster process status 3f9a71c2',
      does: 'prints running, exited: 0, stopped, killed: SIGKILL, …',
    },
  ],
  output: true,
  handler: () => import('./status.handler.ts'),
})
