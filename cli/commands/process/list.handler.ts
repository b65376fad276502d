/** Lists runs. */
import { summarizeRun } from '../../../shared/describe-run.ts'
import { shortId } from '../../../shared/short-id.ts'
import { runStatusWords } from '../../runs/run-status-words.ts'
import { withRuns } from '../../runs/runs.ts'
import type { CommandContext } from '../../program/handler.ts'
import type { Flags } from './list.ts'

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { on, all } = context.flags
  const wide = context.globals.output === 'wide'
  const rows = await withRuns(context, (runs) => runs.list({ on, all }))
  await context.printList({
    rows,
    name: (run) => run.run,
    columns: [
      { header: 'run', value: (run) => (wide ? run.run : shortId(run.run)) },
      { header: 'host', value: (run) => run.host },
      {
        header: 'status',
        value: (run) => runStatusWords(context.clock, run, summarizeRun(run)),
      },
      { header: 'started', value: (run) => run.startedAt ?? undefined },
      { header: 'command', value: (run) => run.command.join(' ') },
      { header: 'ended', value: (run) => run.endedAt ?? undefined, wide: true },
      { header: 'by', value: (run) => run.actor, wide: true },
    ],
  })
}
