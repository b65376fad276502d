/** Checks that the agent of this home runs and is connected. */
import { openClient } from '../../../../protocols/rpc/call.ts'
import { localProtocol } from '../../../../protocols/local/protocol.ts'
import { dialSocket } from '../../../../protocols/rpc/socket.ts'
import { agentPaths } from '../../../../shared/home.ts'
import type { Check } from '../ground/check.ts'
import { reasonOf } from '../ground/subject.ts'

export const agent: Check = {
  name: 'agent',
  run: async (subject) => {
    if (subject.kind !== 'agent') return undefined
    const { home, context } = subject
    try {
      const signal = subject.soon()
      const { socket } = agentPaths(home)
      const client = openClient(
        localProtocol,
        await dialSocket(socket, localProtocol.id, signal),
        context,
      )
      const info = await client
        .call('info', {}, { signal })
        .finally(() => void client.close().catch(() => undefined))
      if (info.coordinator === null)
        return {
          status: 'fail',
          detail: `the agent ${info.name} runs, but is not connected to a coordinator`,
          fix: "fix the problem of the coordinator's check; the agent's log has the reason",
        }
      return { status: 'ok', detail: `agent ${info.name}, v${info.version}` }
    } catch (error) {
      context.signal.throwIfAborted()
      return {
        status: 'fail',
        detail: `the agent of this home does not answer: ${reasonOf(error)}`,
        fix: `start it: muster agent run --home ${home}, or its service`,
      }
    }
  },
}
