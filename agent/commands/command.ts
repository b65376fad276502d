/**
 * The agent's side of `/muster/command/1`. A refusal is an outcome like any other: signed, so that nobody can claim that this host refused, or did, what
 * it did not.
 */
import type { command } from '../../protocols/command/protocol.ts'
import type { Handlers } from '../../protocols/define-protocol.ts'
import type { PerformRequest } from '../../protocols/command/messages.ts'
import { type Clock, parseRfc3339, rfc3339 } from '../../shared/clock.ts'
import { MusterError } from '../../shared/errors.ts'
import { type AgentId, type FleetId, type OperationId, operationId, runId } from '../../shared/ids.ts'
import type { Signer } from '../../shared/identity/signer.ts'
import type { Logger } from '../../shared/logger.ts'
import type { JsonObject } from '../../shared/trust/fields.ts'
import { readSigned, type Signed, signStatement } from '../../shared/trust/signed.ts'
import type { RunnerClient } from '../runner/client.ts'
import { runnerError } from '../runner/errors.ts'
import { act } from './act.ts'
import { commandError } from './errors.ts'
import type { Journal } from './journal.ts'
import { statusMessage } from './status.ts'
import { type VerifyDeps, verifyOrder } from './verify.ts'

export interface CommandDeps extends VerifyDeps {
  readonly journal: Journal
  readonly runner: RunnerClient
  readonly key: Signer
  readonly clock: Clock
  readonly log: Logger
  readonly fleet: FleetId
  readonly agent: AgentId
}

export function commandHandlers(deps: CommandDeps): Handlers<typeof command> {
  // Owned by perform(): orders under way, so that one that is sent twice at once is carried out once.
  const underWay = new Map<OperationId, Promise<Signed>>()

  const outcome = (
    order: { operation: OperationId; verb: string },
    result: 'done' | 'failed' | 'refused',
    detail: JsonObject,
  ): Promise<Signed> =>
    signStatement(deps.key, 'outcome', {
      fleet: deps.fleet,
      operation: order.operation,
      verb: order.verb,
      target: deps.agent,
      result,
      detail,
      at: rfc3339(deps.clock.now()),
    })

  const perform = async (request: PerformRequest): Promise<Signed> => {
    // Signature and form first: a refusal names the operation, and only a genuine intent has one.
    const { operation, verb } = readSigned(request.intent, 'intent', { fleet: deps.fleet })
    try {
      const order = await verifyOrder(deps, request)
      const { outcome: before } = await deps.journal.accept(operation, request.intent, parseRfc3339(order.intent.expiresAt))
      if (before) return before
      const { result, detail } = await act(deps, order)
      const signed = await outcome({ operation, verb }, result, detail)
      await deps.journal.conclude(operation, signed)
      return signed
    } catch (error) {
      if (!(error instanceof MusterError) || commandError.is(error, 'command.position-moved')) throw error
      deps.log.warn({ operation, verb, code: error.code }, 'order refused')
      return outcome({ operation, verb }, 'refused', { error: error.message })
    }
  }

  return {
    position: async () => {
      const known = await deps.trust.log.known()
      return { size: known?.size ?? 0, root: known?.root ?? null }
    },

    async perform(request) {
      const { operation } = readSigned(request.intent, 'intent', { fleet: deps.fleet })
      const joined = underWay.get(operation) ?? perform(request).finally(() => underWay.delete(operation))
      underWay.set(operation, joined)
      return { outcome: await joined }
    },

    async status({ runs }) {
      const known = []
      for (const run of runs) {
        try {
          known.push(statusMessage(await deps.runner.status(runId.parse(run))))
        } catch (error) {
          if (!runnerError.is(error, 'runner.unknown-run')) throw error
        }
      }
      return { runs: known }
    },

    probe: async ({ operation }) => {
      const signed = deps.journal.outcome(operationId.parse(operation))
      return signed === undefined ? {} : { outcome: signed }
    },
  }
}
