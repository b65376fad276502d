/** `muster agent facts` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  once: {
    type: 'boolean',
    summary: 'required; if the agent daemon runs, it collects without this command too',
  },
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
    'If a package database looks damaged, Muster keeps the packages that it read last, marks the',
    'host, and exits with 1. A database looks damaged if it is empty, missing, cut short or',
    'unreadable, or if more than half of its packages are gone at once. If the database can be',
    'read and is unchanged four minutes later, Muster accepts its content. --accept does this at',
    'once for one package manager. Muster never accepts an unreadable database.',
  ].join(' '),
  flags,
  examples: [
    {
      command: 'muster agent facts --once',
      does: 'for cron; if the agent daemon runs, this command only asks the daemon to collect',
    },
    {
      command: 'muster agent facts --once --accept dpkg',
      does: 'accepts the packages, after you removed so many that the database looks damaged',
    },
  ],
  handler: () => import('./facts.handler.ts'),
})
