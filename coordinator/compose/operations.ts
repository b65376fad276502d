/**
 * Composes the parts that change something: the log, which announces its checkpoints to the fleet,
 * enrolment, the delivery of intents to hosts, and a handler for each verb.
 */
import type { Ledger } from '../audit/ledger.ts'
import { createDispatch, type Dispatch } from '../dispatch/dispatch.ts'
import { createRuns, type Runs } from '../dispatch/runs.ts'
import { announcedLedger, createAnnouncer } from '../fleet/announcer.ts'
import { createOutcomes } from '../operations/outcomes.ts'
import { createOperations, type Operations } from '../operations/perform.ts'
import { createEnrolment, type Enrolment } from '../registry/enrolment.ts'
import { artifactVerbs } from '../verbs/artifacts.ts'
import { enrolmentVerbs } from '../verbs/enrolment.ts'
import { grantVerbs } from '../verbs/grants.ts'
import { createRepairs } from '../verbs/repairs.ts'
import { repositoryVerbs } from '../verbs/repositories.ts'
import { runVerbs } from '../verbs/runs.ts'
import { snapshotVerbs } from '../verbs/snapshots.ts'
import { createUnknownOutcomes, type UnknownOutcomes } from '../verbs/unknown-outcomes.ts'
import type { Network } from './network.ts'
import type { RepositoriesPart } from './repositories.ts'
import type { CoordinatorDeps, Stores } from './stores.ts'

export interface OperationsPart {
  readonly ledger: Ledger
  readonly enrolment: Enrolment
  readonly runs: Runs
  readonly dispatch: Dispatch
  readonly unknownOutcomes: UnknownOutcomes
  readonly operations: Operations
}

export interface Below extends CoordinatorDeps {
  readonly stores: Stores
  readonly network: Network
  readonly repositories: RepositoriesPart
}

/** @param closing aborts when the coordinator ends */
export async function composeOperations(
  deps: Below,
  closing: AbortSignal,
  scope: AsyncDisposableStack,
): Promise<OperationsPart> {
  const { clock, log, stores, network } = deps
  const { database, issuer, identity } = stores
  const { access, agents, node } = network
  const { fleet, name } = identity
  const announcer = createAnnouncer({ node, access, log }, (await access.state()).epoch)
  const ledger = announcedLedger(stores.ledger, announcer)
  const enrolment = createEnrolment(
    { database, ledger, agents, access, certificates: network.certificates, issuer, clock },
    { fleet, name },
  )
  const runs = createRuns({ database })
  const shared = { ledger, access, agents, clock, log, closing }
  const dispatch = createDispatch({ ...shared, open: node.open, copies: network.copies.of })
  const outcomes = createOutcomes({ database, ledger, issuer, clock, fleet })
  const unknownOutcomes = createUnknownOutcomes({ ...shared, database, outcomes, dispatch, runs })
  /** Applies a change of rights at once. Hosts and operators without a right lose their access. */
  const rightsChanged = (): void => {
    network.trust
      .refresh()
      .catch((error: unknown) => log.error({ error }, 'the trust state cannot be read'))
    announcer.revocations()
  }
  const handlers = verbs(deps, { dispatch, runs, rightsChanged })
  const operations = createOperations({ ...shared, database, outcomes, fleet, handlers })
  // Runs after the node closes and before the database closes. So operations in progress can still
  // log their outcomes.
  scope.defer(() => operations.idle())
  return { ledger, enrolment, runs, dispatch, unknownOutcomes, operations }
}

function verbs(
  deps: Below,
  own: Pick<OperationsPart, 'dispatch' | 'runs'> & { readonly rightsChanged: () => void },
) {
  const { clock, stores, network } = deps
  const { database, pool } = stores
  const { access, agents, connections } = network
  const { repositories, mirror, publisher, snapshots } = deps.repositories
  const { dispatch, runs, rightsChanged } = own
  const repairs = createRepairs({ pool, publisher, database, repositories })
  const changed = (ids: Parameters<typeof connections.renew>[0]): void => {
    rightsChanged()
    connections.renew(ids)
  }
  return {
    ...enrolmentVerbs({ agents, access, runs, changed }),
    ...grantVerbs({ access, revoked: rightsChanged }),
    ...repositoryVerbs({ repositories, mirror, publisher, snapshots, database, clock, repairs }),
    ...snapshotVerbs({ repositories, snapshots, publisher, repairs }),
    ...runVerbs({ agents, dispatch, runs, clock }),
    ...artifactVerbs({ pool, database, clock }),
  }
}
