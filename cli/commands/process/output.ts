/** `muster process output` */
import {
  type ArgumentSpecs,
  type ArgumentValues,
  defineCommand,
  type FlagSpecs,
  type FlagValues,
} from '../../program/command.ts'
import { localFlag, rawFlag } from '../../runs/run-flags.ts'

const flags = { ...localFlag, ...rawFlag } as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  run: { summary: 'the run id, or a unique end or beginning of it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: "a run's output so far",
  flags,
  arguments: args,
  examples: [{ command: 'muster process output 3f9a71c2 > log', does: 'what there is now' }],
  handler: () => import('./output.handler.ts'),
})
