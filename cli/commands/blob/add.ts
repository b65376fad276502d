/** `muster blob add` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  file: { accepts: 'path', summary: 'the file' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'put a file into the store and print its BLAKE3 id',
  description:
    'On a coordinator it is an operation of yours: signed and logged. On an agent the file goes into the pool of that host.',
  arguments: args,
  examples: [{ command: 'muster blob add build.tar', does: 'the id is what b3sum prints' }],
  output: true,
  handler: () => import('./add.handler.ts'),
})
