/** `muster process start` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'
import { localFlag, runArguments, runOptions } from '../../runs/run-flags.ts'

const flags = { ...runOptions, ...localFlag } as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export type Args = ArgumentValues<typeof runArguments>

export const command = defineCommand({
  summary: 'start a process on hosts and print the run ids',
  description:
    'Your key signs the intent, the coordinator logs it before the start, and each host checks ' +
    'both. No shell interprets the command unless you name one. --local starts it on this host, ' +
    'without a signature. Every user who can open the socket of the runner may do this. ' +
    '--timeout applies only while the program runs: if the program ends first, remaining ' +
    'processes have no time limit.',
  flags,
  arguments: runArguments,
  examples: [
    {
      command: 'muster process start --on web-17 -- dnf -y upgrade openssl',
      does: 'starts the process; next: muster process stream RUN',
    },
    {
      command: "muster process start --on role=web --memory 512M -- sh -c 'make test'",
      does: 'starts it on every web host; prints one run id on each line',
    },
    {
      command: 'muster process start --on db --env PGPASSWORD -- pg_dump -h db app',
      does: 'passes on a variable; no log and no process list contains it',
    },
    {
      command: 'muster process start --local -- dnf -y upgrade openssl',
      does: 'starts it on this host, without a coordinator',
    },
  ],
  passThrough: true,
  output: true,
  handler: () => import('./start.handler.ts'),
})
