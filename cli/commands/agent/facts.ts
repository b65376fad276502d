/** `muster agent facts` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  once: { type: 'boolean', summary: 'required; the agent daemon collects without this command' },
  accept: {
    type: 'list',
    value: 'MANAGER',
    summary: 'accept the present packages of this manager, although its database looks damaged',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'collect the package state once, send it, and exit',
  description: [
    'A package database may look damaged: it is empty, missing, cut short or unreadable, or more',
    'than half of its packages are gone at once. Then the last known packages stay recorded, the',
    'host is marked, and the exit code is 1. If the database is readable and unchanged four',
    'minutes later, its content is accepted. --accept does this at once for one package manager.',
    'An unreadable database is never accepted.',
  ].join(' '),
  flags,
  examples: [
    {
      command: 'muster agent facts --once',
      does: 'for cron; if the agent of this home runs, the agent collects',
    },
    {
      command: 'muster agent facts --once --accept dpkg',
      does: 'after you removed so many packages that the database looks damaged',
    },
  ],
  handler: () => import('./facts.handler.ts'),
})
