/** The newest entries of the log, and with --follow those that come. */
import type { LogRow } from '../../../protocols/control/messages.ts'
import { MusterError } from '../../../shared/errors.ts'
import { shortId } from '../../../shared/short-id.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import { printable } from '../../terminal/sink.ts'
import type { ListResult } from '../../terminal/output.ts'
import type { Session } from '../../session/session.ts'
import type { Flags } from './log.ts'

/** Entries of one call; the protocol allows no more. */
const PAGE = 1000
/** How long an entry waits to be seen. */
const LOOK_MS = 1000
/** Targets that a table shows; the rest is counted. */
const SHOWN_TARGETS = 3

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { actor, count, follow } = context.flags
  await withSession(context, async (session) => {
    const names = await hostNames(session)
    const widths: number[] = []
    const list = (rows: readonly LogRow[]): ListResult<LogRow> => ({
      rows,
      ...(follow ? { widths } : {}),
      name: (row) => String(row.index),
      json: jsonOf,
      columns: [
        { header: 'index', value: (row) => row.index, align: 'right' },
        { header: 'at', value: (row) => row.at, absolute: true },
        { header: 'type', value: (row) => row.type },
        { header: 'who', value: (row) => row.actor.name },
        { header: 'what', value: (row) => row.verb ?? undefined },
        { header: 'targets', value: (row) => shownTargets(row.targets, names) },
        { header: 'result', value: (row) => row.result ?? undefined },
        { header: 'target ids', value: (row) => row.targets.join(' '), wide: true },
        { header: 'arguments', value: (row) => row.arguments, wide: true },
        { header: 'operation', value: (row) => row.operation ?? undefined, wide: true },
      ],
    })
    const { rows, size } = await newest(session, count, actor)
    if (!follow) return context.printList(list(rows))
    // A list that never ends is none: JSON is one object a line.
    const print = (more: readonly LogRow[]): Promise<void> =>
      context.globals.output === 'json'
        ? context.stdout.write(
            more.map((row) => `${printable(JSON.stringify(jsonOf(row)))}\n`).join(''),
          )
        : context.printList(list(more))
    if (rows.length > 0) await print(rows)
    for (let from = size; ; ) {
      const { entries, size: now } = await session.ask('audit.log', {
        from,
        count: PAGE,
        ...(actor === undefined ? {} : { actor }),
      })
      if (entries.length > 0) await print(entries)
      // A coordinator that hands out less at once than there is goes on at once; at the end of the
      // log there is time to wait.
      const next = Math.min(now, from + PAGE)
      if (next === now) await context.clock.sleep(LOOK_MS, context.signal)
      from = Math.max(from, next)
    }
  })
}

function jsonOf(row: LogRow): object {
  return { ...row, arguments: JSON.parse(row.arguments) as unknown }
}

async function newest(
  session: Session,
  count: number,
  actor: string | undefined,
): Promise<{ rows: LogRow[]; size: number }> {
  const { size } = await session.ask('audit.log', { from: 0, count: 1 })
  const pages: LogRow[][] = []
  let found = 0
  for (let to = size; to > 0 && found < count; to -= PAGE) {
    const from = Math.max(0, to - PAGE)
    const { entries } = await session.ask('audit.log', {
      from,
      count: to - from,
      ...(actor === undefined ? {} : { actor }),
    })
    pages.push(entries)
    found += entries.length
  }
  return { rows: pages.reverse().flat().slice(-count), size }
}

/** Names of the hosts by their ids; none for whoever may read the log and not the fleet. */
async function hostNames(session: Session): Promise<ReadonlyMap<string, string>> {
  try {
    const { agents } = await session.ask('agent.list', {})
    return new Map(agents.map(({ id, name }) => [id, name]))
  } catch (error) {
    if (error instanceof MusterError && error.exit === 'denied') return new Map()
    throw error
  }
}

/** As people know them, and short: hosts by name, ids by their end, which is random. */
function shownTargets(targets: readonly string[], names: ReadonlyMap<string, string>): string {
  const shown = targets
    .slice(0, SHOWN_TARGETS)
    .map((target) => names.get(target) ?? (isUuid(target) ? shortId(target) : target))
  return [
    ...shown,
    ...(targets.length > SHOWN_TARGETS ? [`+${targets.length - SHOWN_TARGETS}`] : []),
  ].join(' ')
}

const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
