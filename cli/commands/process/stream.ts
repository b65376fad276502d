/** `muster process stream` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'
import { localFlag, rawFlag } from '../../runs/run-flags.ts'

const flags = { ...localFlag, ...rawFlag } as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  run: { summary: 'the run id, or a unique end or beginning of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'print the output of a run from the first byte until the run ends',
  flags,
  arguments: args,
  examples: [
    { command: 'muster process stream 3f9a71c2', does: 'Ctrl-C ends the stream, not the run' },
  ],
  handler: () => import('./stream.handler.ts'),
})
