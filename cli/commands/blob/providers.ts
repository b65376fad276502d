/** `muster blob providers` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  blob: { summary: 'the BLAKE3 id, as b3sum prints it' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'who holds a blob',
  arguments: args,
  examples: [{ command: 'muster blob providers ID', does: 'nodes that hold all or part of it' }],
  output: true,
  handler: () => import('./providers.handler.ts'),
})
