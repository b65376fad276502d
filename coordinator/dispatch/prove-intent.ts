/** Collects the proofs that one host needs to verify an intent. */
import { MAX_REVOCATION_BYTES, MAX_REVOCATIONS } from '../../protocols/command/messages.ts'
import type { command } from '../../protocols/command/protocol.ts'
import { VERBS } from '../../protocols/control/verbs.ts'
import type { Client } from '../../protocols/rpc/call.ts'
import type { RequestOf, ResponseOf } from '../../protocols/rpc/define-protocol.ts'
import { countFitting } from '../../protocols/statement.ts'
import type { Checkpoint } from '../../shared/audit/checkpoint.ts'
import type { Clock } from '../../shared/clock.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import type { Ledger } from '../audit/ledger.ts'
import type { LoggedIntent } from '../outcomes/result.ts'
import type { Access } from '../registry/access.ts'
import type { AgentRecord } from '../registry/agents.ts'
import type { CheckpointComparison } from './compare-checkpoint.ts'
import { dispatchError } from './errors.ts'

type Methods = (typeof command)['methods']
/** How far the host has read the log and the revocations. */
type Position = ResponseOf<Methods['position']>
type ProvenIntent = Omit<RequestOf<Methods['perform']>, 'values'>

export interface ProveDeps {
  readonly ledger: Ledger
  readonly access: Access
  readonly clock: Clock
  readonly comparison: CheckpointComparison
}

export interface IntentForHost {
  readonly client: Client<typeof command>
  readonly agent: AgentRecord
  readonly operation: LoggedIntent
}

/**
 * Reads the host's position and makes the proofs from there. Revocations that don't fit into the
 * request are sent before the request.
 * @throws dispatch.log-behind, ledger.rolled-back, ledger.forked
 */
export async function proveIntent(
  deps: ProveDeps,
  { client, agent, operation }: IntentForHost,
  signal: AbortSignal,
): Promise<ProvenIntent> {
  const { ledger } = deps
  const position = await client.call('position', {}, { signal })
  await deps.comparison.compare(agent, position)
  const checkpoint = await checkpointFor(ledger, { operation, position }, signal)
  if (checkpoint.size < position.size)
    throw dispatchError('dispatch.log-behind', {
      host: agent.name,
      seen: position.size,
      size: checkpoint.size,
    })
  const evidence = await evidenceFor(deps, { operation, agent }, position)
  const revocations = await sendAllButLast(client, evidence.revocations, signal)
  return {
    intent: operation.signed,
    entry: await entryBytes(ledger, operation.index),
    index: operation.index,
    inclusion: [...(await ledger.prove(operation.index, checkpoint.size)).hashes],
    checkpoint: checkpoint.note,
    consistency:
      position.size === 0
        ? []
        : [...(await ledger.consistency(position.size, checkpoint.size)).hashes],
    consistentFrom: position.size,
    roots: evidence.roots.map((versions) => [...versions]),
    grants: [...evidence.grants],
    revocations,
  }
}

/**
 * Returns the published checkpoint if it covers the intent and the host's position. Otherwise makes
 * a new one.
 */
async function checkpointFor(
  ledger: Ledger,
  { operation, position }: { operation: LoggedIntent; position: Position },
  signal: AbortSignal,
): Promise<Checkpoint> {
  const published = ledger.published()
  const covers =
    published !== undefined && published.size > operation.index && published.size >= position.size
  return covers ? published : ledger.checkpoint(signal)
}

function evidenceFor(
  { access, clock }: ProveDeps,
  { operation, agent }: Pick<IntentForHost, 'operation' | 'agent'>,
  position: Position,
) {
  const ask = {
    actor: operation.actor,
    namespace: VERBS[operation.verb].namespace,
    level: 'control',
    at: clock.now(),
    target: { agent: agent.id, labels: agent.labels },
  } as const
  return access.evidence(ask, position.epoch)
}

/** Sends revocations until the rest fits into one request. Returns the rest. */
async function sendAllButLast(
  client: Client<typeof command>,
  all: readonly Signed[],
  signal: AbortSignal,
): Promise<Signed[]> {
  const revocations = [...all]
  for (;;) {
    const count = countFitting(revocations, { most: MAX_REVOCATIONS, bytes: MAX_REVOCATION_BYTES })
    if (count === revocations.length) return revocations
    await client.call('learn', { revocations: revocations.splice(0, count) }, { signal })
  }
}

async function entryBytes(ledger: Ledger, index: number): Promise<Uint8Array> {
  for await (const { bytes } of ledger.entries(index, index + 1)) return bytes
  throw new Error(`the log has no entry ${index}`)
}
