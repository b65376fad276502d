/** `muster package find` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  version: {
    accepts: 'text',
    type: 'string',
    value: 'COND',
    summary: 'a condition such as < 3.0.7-25.el9, compared by the rules of the package manager',
  },
  on: { type: 'list', value: 'HOSTS', summary: 'only these hosts: a name, k=v[,k=v], or all' },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

const args = {
  name: { summary: 'the name of the package' },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'list the hosts that have a package',
  flags,
  arguments: args,
  examples: [
    {
      command: "muster package find openssl-libs --version '< 1:3.2.2-6.el9'",
      does: 'lists the hosts with an older version',
    },
  ],
  output: true,
  handler: () => import('./find.handler.ts'),
})
