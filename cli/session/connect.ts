/** Opens a session with the coordinator that a command selects. */
import { socketError } from '../../protocols/rpc/socket.ts'
import { coordinatorPaths } from '../../shared/home.ts'
import { chooseCoordinator } from './choose-coordinator.ts'
import type { CommandContext } from '../program/handler.ts'
import { homeKindError, kindOfHome } from './home-kind.ts'
import { openOperatorKey } from './operator-key.ts'
import '../program/error-tables.ts'
import { openSession, type Reach, type Session, socketReach } from './session.ts'

/** Runs `work` in a session. The session is always closed. */
export async function withSession<T>(
  context: CommandContext<unknown, unknown>,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { ticket, identity } = await chooseCoordinator(context)
  // --identity and MUSTER_IDENTITY override the key of the context.
  const key = context.globals.identity ?? (context.env['MUSTER_IDENTITY'] ? undefined : identity)
  const session = await openSession(
    { clock: context.clock, random: context.random, operator: await openOperatorKey(context, key) },
    await reach(context, ticket),
    context.signal,
  )
  try {
    return await work(session)
  } finally {
    await session.close().catch(() => undefined)
  }
}

async function reach(
  context: CommandContext<unknown, unknown>,
  ticket: string | undefined,
): Promise<Reach> {
  if (ticket === undefined) return homeReach(context.home())
  const { dialCoordinator } = await import('./dial.ts')
  return dialCoordinator(context, ticket)
}

/** Returns the socket of a coordinator's home. @throws home.agent, home.no-coordinator */
async function homeReach(folder: string): Promise<Reach> {
  const kind = await kindOfHome(folder)
  if (kind === 'agent') throw homeKindError('home.agent', { folder })
  const socket = socketReach(coordinatorPaths(folder).socket)
  if (kind === 'coordinator') return socket
  return {
    ...socket,
    open: async (signal) => {
      try {
        return await socket.open(signal)
      } catch (cause) {
        if (!socketError.is(cause, 'socket.absent')) throw cause
        throw homeKindError('home.no-coordinator', { folder }, { cause })
      }
    },
  }
}
