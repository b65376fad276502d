/** Reaches the coordinator that a command means and opens a session there; the only place that decides between socket and ticket. */
import { coordinatorPaths } from '../shared/home.ts'
import type { CommandContext } from './context.ts'
import { openOperatorKey } from './operator-key.ts'
import './error-tables.ts'
import { openSession, type Reach, type Session, socketReach } from './session.ts'

/** Runs `work` in a session and closes it, whatever comes of it. */
export async function withSession<T>(context: CommandContext<unknown, unknown>, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession(
    { clock: context.clock, random: context.random, operator: await openOperatorKey(context) },
    await reach(context),
    context.signal,
  )
  try {
    return await work(session)
  } finally {
    await session.close().catch(() => undefined)
  }
}

async function reach(context: CommandContext<unknown, unknown>): Promise<Reach> {
  const ticket = context.globals.coordinator ?? (context.env['MUSTER_COORDINATOR'] || undefined)
  if (ticket === undefined) return socketReach(coordinatorPaths(context.home()).socket)
  const { dialCoordinator } = await import('./dial.ts')
  return dialCoordinator(context, ticket)
}
