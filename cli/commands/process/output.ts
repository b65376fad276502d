/** `muster process output` */
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
  summary: 'print the output of a run so far',
  flags,
  arguments: args,
  examples: [
    { command: 'muster process output 3f9a71c2 > log', does: 'does not wait for more output' },
  ],
  handler: () => import('./output.handler.ts'),
})
