/** `muster run` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'
import { rawFlag, runArguments, runFlags } from '../../runs/run-flags.ts'

const flags = { ...runFlags, ...rawFlag } as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export type Args = ArgumentValues<typeof runArguments>

export const command = defineCommand({
  summary: 'run a command on hosts and print its output',
  description:
    'On one host it exits with the remote exit code: 128 + n after signal n, 124 after ' +
    '--timeout, 137 after --memory was exceeded, 143 after a stop, 125 if the start failed. On ' +
    'several hosts it exits with 0 only if all exited with 0. After Ctrl-C the runs continue. ' +
    '--timeout applies only while the program runs: if the program ends first, remaining ' +
    'processes have no time limit.',
  flags,
  arguments: runArguments,
  examples: [
    {
      command: 'muster run --on web-17 -- systemctl is-active httpd',
      does: 'exits with the remote exit code',
    },
    {
      command: 'muster run --on role=web -- uptime',
      does: 'each line begins with the name of the host',
    },
    {
      command: 'muster run --on db --env PGPASSWORD -- pg_dump -h db app',
      does: 'passes on a variable; no log and no process list contains it',
    },
  ],
  passThrough: true,
  handler: () => import('./run.handler.ts'),
})
