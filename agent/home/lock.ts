/**
 * The lock of an agent's home. Only one process at a time works in a home, so that its journals and
 * trust state have one writer. The kernel releases the lock when its process ends. The socket's
 * file cannot be the lock, because it stays after its process died.
 */
import { stat } from 'node:fs/promises'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { dialSocket } from '../../protocols/rpc/socket.ts'
import type { Clock } from '../../shared/clock.ts'
import { agentPaths } from '../../shared/home.ts'
import { agentHomeError } from './identity.ts'
import { runnerError } from '../runner/ground/errors.ts'
import { acquireLock, type Lock } from '../runner/lock.ts'
import { ownFolder } from '../runner/socket/socket-path.ts'

export interface LockOptions {
  readonly home: string
  /**
   * The time to wait for a holder that does not respond. It may be a `muster agent facts --once`,
   * or an agent that is ending. If an agent responds, there is no wait.
   */
  readonly patienceMs: number
  readonly signal: AbortSignal
}

const AGAIN_MS = 100

/** @throws agent.home-in-use, agent.home-foreign, runner.unsafe-path */
export async function lockHome(deps: { clock: Clock }, options: LockOptions): Promise<Lock> {
  const { home, patienceMs, signal } = options
  const { runFolder, lock, socket } = agentPaths(home)
  const { uid } = await stat(home)
  // The agent of this home cannot use files of another user.
  if (uid !== process.geteuid?.())
    throw agentHomeError('agent.home-foreign', { folder: home, owner: uid })
  ownFolder(runFolder)
  const until = deps.clock.monotonic() + patienceMs
  for (;;) {
    try {
      return acquireLock(lock)
    } catch (cause) {
      if (!runnerError.is(cause, 'runner.held')) throw cause
      if (deps.clock.monotonic() >= until || (await isResponding(socket, signal)))
        throw agentHomeError('agent.home-in-use', { folder: home }, { cause })
    }
    await deps.clock.sleep(AGAIN_MS, signal)
  }
}

async function isResponding(socket: string, signal: AbortSignal): Promise<boolean> {
  try {
    const duplex = await dialSocket(socket, localProtocol.id, signal)
    duplex.abort(new Error('the connection was only a test'))
    return true
  } catch {
    return false
  }
}
