/** `muster process start` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'
import { localFlag, runArguments, runOptions } from '../../runs/run-flags.ts'

const flags = { ...runOptions, ...localFlag } as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export type Args = ArgumentValues<typeof runArguments>

export const command = defineCommand({
  summary: 'start a process on a host and print its run id',
  description:
    'The command is signed with your key, stands in the log before it starts, and each host checks both. No shell is involved unless you name one. With --local it is started on this host by whoever may open the socket of its runner.',
  flags,
  arguments: runArguments,
  examples: [
    {
      command: 'muster process start --on web-17 -- dnf -y upgrade openssl',
      does: 'then: muster process stream RUN',
    },
    {
      command: "muster process start --on role=web --memory 512M -- sh -c 'make test'",
      does: 'on every web host, one run id a line',
    },
    {
      command: 'muster process start --on db --env PGPASSWORD -- pg_dump -h db app',
      does: 'the password that is set here, in no log and no process list',
    },
    {
      command: 'muster process start --local -- dnf -y upgrade openssl',
      does: 'on this host, with no coordinator',
    },
  ],
  passThrough: true,
  output: true,
  handler: () => import('./start.handler.ts'),
})
