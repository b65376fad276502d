/** `muster agent facts` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  once: { type: 'boolean', summary: 'the only mode; the daemon collects by itself' },
  accept: {
    type: 'list',
    value: 'MANAGER',
    summary: 'record what this package manager lists now, although it looks damaged',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'collect the package state once, send it, and exit',
  description: [
    'Packages are not recorded as removed where the database is empty, missing, cut short or',
    'unreadable, or where more than half of them are gone at once: they stay as they were last',
    'read, the host is marked, and the exit code is 1. A database that can be read and says the',
    'same four minutes later is believed; --accept believes now what the named package manager',
    'lists. A database that can not be read is never taken for an empty one.',
  ].join(' '),
  flags,
  examples: [
    {
      command: 'muster agent facts --once',
      does: 'for cron; where an agent runs on this home, it does the work',
    },
    {
      command: 'muster agent facts --once --accept dpkg',
      does: 'after packages were really removed in a number that looks like damage',
    },
  ],
  handler: () => import('./facts.handler.ts'),
})
