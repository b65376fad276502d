/** Runs the coordinator in the foreground. */
import { runCoordinator } from '../../../coordinator/main.ts'
import type { CommandContext } from '../../program/handler.ts'

export async function handle(context: CommandContext): Promise<void> {
  const log = await context.log()
  const config = await context.config()
  await runCoordinator(
    { clock: context.clock, random: context.random, log },
    {
      home: context.home(),
      config,
      signal: context.signal,
      onReady: ({ addresses, http }) => {
        // Supervisors and scripts wait for this line.
        void context.stderr.write(`ready ${addresses[0] ?? ''} ${http}\n`)
      },
    },
  )
}
