/** `muster blob add` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  file: { accepts: 'path', summary: 'the file' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'add a file to the pool and print its BLAKE3 id',
  description:
    'On a coordinator this is a signed and logged operation. On an agent it adds the file to the ' +
    'pool of that host.',
  arguments: args,
  examples: [{ command: 'muster blob add build.tar', does: 'prints the same id as b3sum' }],
  output: true,
  handler: () => import('./add.handler.ts'),
})
