/** Prints the newest entries of the log. With --follow, it then prints new entries. */
import type { LogRow } from '../../../protocols/control/messages.ts'
import { defined } from '../../../shared/defined.ts'
import { MusterError } from '../../../shared/errors.ts'
import { shortId } from '../../../shared/short-id.ts'
import { withSession } from '../../session/connect.ts'
import type { CommandContext } from '../../program/handler.ts'
import { printable } from '../../terminal/sink.ts'
import type { Column } from '../../terminal/output.ts'
import type { Session } from '../../session/session.ts'
import type { Flags } from './log.ts'

/** The maximum number of entries in one call. It is the protocol's limit. */
const PAGE = 1000
/** Time between two requests for new entries. */
const POLL_MS = 1000
/** The number of targets that a table shows. The others are only counted. */
const SHOWN_TARGETS = 3

export async function handle(context: CommandContext<Flags>): Promise<void> {
  const { actor, count, follow } = context.flags
  await withSession(context, async (session) => {
    const columns = columnsOf(await hostNames(session))
    const { rows, size } = await newest(session, count, actor)
    if (!follow) return context.printList({ ...LIST, columns, rows })
    const widths: number[] = []
    await followLog(context, session, { from: size, first: rows }, (more) =>
      // A list that is never complete is printed as one JSON object on each line.
      context.globals.output === 'json'
        ? context.stdout.write(
            more.map((row) => `${printable(JSON.stringify(jsonOf(row)))}\n`).join(''),
          )
        : context.printList({ ...LIST, columns, rows: more, widths }),
    )
  })
}

/** Prints the first rows, and then new entries until the signal aborts. */
async function followLog(
  { flags: { actor }, clock, signal }: CommandContext<Flags>,
  session: Session,
  { from: start, first }: { readonly from: number; readonly first: readonly LogRow[] },
  print: (rows: readonly LogRow[]) => Promise<void>,
): Promise<never> {
  if (first.length > 0) await print(first)
  for (let from = start; ; ) {
    const { entries, size } = await session.ask('audit.log', defined({ from, count: PAGE, actor }))
    if (entries.length > 0) await print(entries)
    const next = Math.min(size, from + PAGE)
    if (next === size) await clock.sleep(POLL_MS, signal)
    from = Math.max(from, next)
  }
}

const LIST = { name: (row: LogRow) => String(row.index), json: jsonOf }

function columnsOf(names: ReadonlyMap<string, string>): readonly Column<LogRow>[] {
  return [
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
  ]
}

function jsonOf(row: LogRow): object {
  const parsed: unknown = JSON.parse(row.arguments)
  return { ...row, arguments: parsed }
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
    const { entries } = await session.ask('audit.log', defined({ from, count: to - from, actor }))
    pages.push(entries)
    found += entries.length
  }
  return { rows: pages.reverse().flat().slice(-count), size }
}

/** Returns the names of the hosts by id. It is empty if the operator can't read the fleet. */
async function hostNames(session: Session): Promise<ReadonlyMap<string, string>> {
  try {
    const { agents } = await session.ask('agent.list', {})
    return new Map(agents.map(({ id, name }) => [id, name]))
  } catch (error) {
    if (error instanceof MusterError && error.exit === 'denied') return new Map()
    throw error
  }
}

/** Returns the names of hosts, and the random end of other ids. */
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
