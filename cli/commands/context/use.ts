/** `muster context use` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  none: { type: 'boolean', summary: 'use the coordinator of the home again' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  name: { summary: 'the context', optional: true },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'select the coordinator for all commands',
  description:
    'The current context overrides the coordinator of the default home. These override the ' +
    "context: --coordinator, --context, their environment variables, and a coordinator's home " +
    'that --home or MUSTER_HOME names.',
  flags,
  arguments: args,
  examples: [
    { command: 'muster context use prod', does: 'selects prod for all later commands' },
    { command: 'muster context use --none', does: 'uses the home again' },
  ],
  handler: () => import('./use.handler.ts'),
})
