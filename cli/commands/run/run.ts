/** `muster run` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentValues, FlagSpecs, FlagValues } from '../../program/flags.ts'
import { rawFlag, runArguments, runFlags } from '../../runs/run-flags.ts'

const flags = { ...runFlags, ...rawFlag } as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export type Args = ArgumentValues<typeof runArguments>

export const command = defineCommand({
  summary: 'run a command on hosts and show its output',
  description:
    'On one host it exits with the remote exit code (128 + n for a signal, 124 after --timeout, 137 beyond --memory, 143 where it was stopped, 125 where it could not be started), on several with 0 only if all did. Ctrl-C ends the watching; the runs go on.',
  flags,
  arguments: runArguments,
  examples: [
    {
      command: 'muster run --on web-17 -- systemctl is-active httpd',
      does: 'exits with its exit code',
    },
    { command: 'muster run --on role=web -- uptime', does: 'lines prefixed with the host' },
    {
      command: 'muster run --on db --env PGPASSWORD -- pg_dump -h db app',
      does: 'the password that is set here, in no log and no process list',
    },
  ],
  passThrough: true,
  handler: () => import('./run.handler.ts'),
})
