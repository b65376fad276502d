/** `muster agent facts` */
import { defineCommand, type FlagSpecs, type FlagValues } from '../../program/command.ts'

const flags = {
  once: { type: 'boolean', summary: 'the only mode; the daemon collects by itself' },
  accept: {
    type: 'boolean',
    summary: 'record what is found although it looks as if a package database were damaged',
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'collect the package state once, send it, and exit',
  description: [
    'Packages are not recorded as removed where the database is empty, missing, cut short or',
    'unreadable, or where more than half of them are gone at once: they stay as they were last',
    'read, the host is marked, and the exit code is 1. A database that can be read and says the',
    'same in a second collection is believed; --accept believes what is found now.',
  ].join(' '),
  flags,
  examples: [
    {
      command: 'muster agent facts --once',
      does: 'for cron; where an agent runs on this home, it does the work',
    },
    {
      command: 'muster agent facts --once --accept',
      does: 'after packages were really removed in a number that looks like damage',
    },
  ],
  handler: () => import('./facts.handler.ts'),
})
