/** `muster context use` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  none: { type: 'boolean', summary: 'no context: the coordinator of the home again' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  name: { summary: 'the context', optional: true },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'choose the coordinator that commands go to',
  description:
    "It goes before the coordinator of the default home. --coordinator, --context, their environment variables, and a coordinator's home named with --home or MUSTER_HOME go before it.",
  flags,
  arguments: args,
  examples: [
    { command: 'muster context use prod', does: 'until another is chosen' },
    { command: 'muster context use --none', does: 'back to the home' },
  ],
  handler: () => import('./use.handler.ts'),
})
