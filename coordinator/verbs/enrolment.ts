/** Verbs on hosts: tokens, approval, labels, revocation. All are changes of the database alone. */
import { agentId, type AgentId } from '../../shared/ids.ts'
import { rfc3339 } from '../../shared/clock.ts'
import { fromText } from '../../shared/trust/transport.ts'
import { readSigned } from '../../shared/trust/signed.ts'
import type { Runs } from '../dispatch/runs.ts'
import type { Access } from '../registry/access.ts'
import type { Agents } from '../registry/agents.ts'
import { tokens } from '../registry/tokens.ts'
import { operationError } from '../operations/errors.ts'
import type { Operation, RecordHandler, Tx } from '../operations/operation.ts'
import { done, type TargetResult } from '../outcomes/result.ts'

/** Runs that one outcome names; the rest is counted. */
const MAX_NAMED = 100

export interface EnrolmentVerbsDeps {
  readonly agents: Agents
  readonly access: Access
  readonly runs: Pick<Runs, 'lose'>
  /**
   * Called after a host's rights changed: its certificate is void or has other labels, its
   * connections may have to end.
   */
  readonly changed: (agents: readonly AgentId[]) => void
}

/** Verbs that do one thing to each of their hosts. */
function eachHost<V extends 'enroll.approve' | 'enroll.reject' | 'agent.label'>(
  deps: EnrolmentVerbsDeps,
  apply: (tx: Tx, id: AgentId, operation: Operation<V>, at: number) => Promise<void>,
): RecordHandler<V> {
  return {
    kind: 'record',
    async record(tx, operation, at) {
      const results: TargetResult[] = []
      for (const target of operation.targets) {
        await apply(tx, agentId.parse(target), operation, at)
        results.push(done(target))
      }
      return results
    },
    announce: (operation) => deps.changed(operation.targets.map((target) => agentId.parse(target))),
  }
}

export function enrolmentVerbs(deps: EnrolmentVerbsDeps) {
  const token: RecordHandler<'enroll.token'> = {
    kind: 'record',
    async record(tx, operation, at) {
      const { hash, labels, ttlMs, approve } = operation.arguments
      const expiresAt = at + ttlMs
      await tokens.create(tx, {
        hash,
        labels,
        approve,
        createdBy: operation.actor,
        createdAt: at,
        expiresAt,
      })
      return [done('', { expiresAt: rfc3339(expiresAt) })]
    },
  }
  const approve = eachHost<'enroll.approve'>(deps, async (tx, id, operation, at) => {
    const pending = await deps.agents.byId(id, tx)
    await deps.agents.approve(tx, id, { ...pending?.labels, ...operation.arguments.labels }, at)
  })
  const reject = eachHost<'enroll.reject'>(deps, (tx, id) => deps.agents.reject(tx, id))
  const label = eachHost<'agent.label'>(deps, async (tx, id, operation) => {
    const agent = await deps.agents.byId(id, tx)
    // An empty value takes the label away, as `kubectl label key-` does with a dash.
    const merged = Object.entries({ ...agent?.labels, ...operation.arguments.labels }).filter(
      ([, value]) => value !== '',
    )
    await deps.agents.relabel(tx, id, Object.fromEntries(merged))
  })
  const revoke: RecordHandler<'agent.revoke'> = {
    kind: 'record',
    async record(tx, operation, at) {
      const signed = fromText(operation.arguments.revocation)
      const revocation = readSigned(signed, 'revocation')
      const [target] = operation.targets
      if (
        revocation.kind !== 'agent' ||
        revocation.target !== target ||
        operation.targets.length !== 1
      )
        throw operationError('operation.malformed', {
          verb: operation.verb,
          reason: 'the signed revocation is about another host',
        })
      await deps.access.insertRevocation(tx, signed, at)
      const id = agentId.parse(target)
      await deps.agents.revoke(tx, id, at)
      const name = (await deps.agents.byId(id, tx))?.name ?? target
      const lost = await deps.runs.lose(tx, id, `${name} was revoked while it ran`)
      return [
        done(
          target,
          lost.length === 0 ? {} : { lost: lost.length, runs: lost.slice(0, MAX_NAMED) },
        ),
      ]
    },
    announce: (operation) => deps.changed(operation.targets.map((target) => agentId.parse(target))),
  }
  return {
    'enroll.token': token,
    'enroll.approve': approve,
    'enroll.reject': reject,
    'agent.label': label,
    'agent.revoke': revoke,
  }
}
