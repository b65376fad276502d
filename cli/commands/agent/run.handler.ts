/** Runs the agent in the foreground. */
import { runAgent } from '../../../agent/main.ts'
import '../../program/error-tables.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  const log = await context.log()
  const config = await context.config()
  await runAgent(
    { clock: context.clock, random: context.random, log },
    {
      home: context.home(),
      config,
      signal: context.signal,
      onReady: ({ coordinator, gateway }) => {
        // Supervisors and scripts wait for this line.
        void context.stderr.write(`ready ${coordinator} ${gateway}\n`)
      },
      onPending: (fingerprint) => {
        void context.stderr.write(`waiting for approval; fingerprint ${fingerprint}\n`)
      },
    },
  )
}
