/**
 * The agent's side of `/muster/command/1`. A refusal is also a signed outcome, so that a
 * coordinator cannot forge one.
 */
import { outputRefusal } from '../../protocols/output/errors.ts'
import type { command } from '../../protocols/command/protocol.ts'
import type { Handlers } from '../../protocols/rpc/define-protocol.ts'
import { defined } from '../../shared/defined.ts'
import { runId } from '../../shared/ids.ts'
import { completeEpoch } from '../../shared/trust/revocations.ts'
import { createIntentService, type IntentDeps } from '../commands/intent-service.ts'
import { statusMessage } from '../commands/status.ts'

export type CommandDeps = IntentDeps

export function commandHandlers(deps: CommandDeps): Handlers<typeof command> {
  const { runner, trust } = deps
  const intents = createIntentService(deps)
  return {
    position: async () => {
      const known = await trust.log.known()
      return defined({
        size: known?.size ?? 0,
        root: known?.root ?? null,
        epoch: completeEpoch(trust.revocations()),
        checkpoint: known?.note,
      })
    },

    async learn({ revocations }) {
      await trust.learn({ revocations })
      return { epoch: completeEpoch(trust.revocations()) }
    },

    perform: async (request) => ({ outcome: await intents.perform(request) }),

    async status({ runs }) {
      const known = []
      for (const run of runs) {
        try {
          known.push(statusMessage(await runner.status(runId.parse(run))))
        } catch (error) {
          if (!outputRefusal.is(error, 'runner.unknown-run')) throw error
        }
      }
      return { runs: known }
    },

    probe: async ({ intent }) => ({ outcome: await intents.probe(intent) }),
  }
}
