/**
 * Decides the rights of operators from the root chain, grants and revocations. `authorize()` of
 * shared/trust makes the decision. Agents call it too and decide for themselves.
 */
import { createHash } from 'node:crypto'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import type { Fingerprint, FleetId, Sha256 } from '../../shared/ids.ts'
import {
  type Ask,
  authorize,
  type DenyReason,
  isGrantRevoked,
  requireRight,
  type TrustState,
} from '../../shared/trust/authorize.ts'
import { leadsToOperator } from '../../shared/trust/chain.ts'
import { trustError } from '../../shared/trust/errors.ts'
import type { Grant } from '../../shared/trust/grant.ts'
import { acceptRevocation, type RevocationState } from '../../shared/trust/revocations.ts'
import type { RootState } from '../../shared/trust/root-chain.ts'
import { operatorsOf, type Root } from '../../shared/trust/root.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import type { Database } from '../database/database.ts'
import { registryError } from './errors.ts'
import {
  hasGrant,
  insertGrantRow,
  insertRevocationRow,
  markGrantRevoked,
  revocationRows,
  rootVersions,
  toSigned,
  type Tx,
} from './statements.ts'
import { TrustReader } from './trust-reader.ts'

/**
 * The placeholder for a host in a hint. The command line replaces it with the name that its user
 * typed (PC-27).
 */
const UNNAMED = 'HOST'

/** The statements that an agent needs for its own decision. */
export interface Evidence {
  readonly roots: readonly (readonly Signed[])[]
  readonly grants: readonly Signed[]
  readonly revocations: readonly Signed[]
}

export interface Access {
  /**
   * @param about `host` if the caller named a host that may not exist (default if there is a
   * target). The refusal is then the same for every host, known or not, with any labels (PC-27).
   * @throws trust.denied
   */
  require(ask: Ask, about?: 'fleet' | 'host', tx?: Tx): Promise<void>
  state(tx?: Tx): Promise<TrustState & { readonly epoch: number }>
  root(): Promise<RootState>
  /** Returns the operator's name from the root statement, else the fingerprint. */
  nameOf(actor: Fingerprint): Promise<string>
  /**
   * Returns the roots, the grants that allow `ask`, and the revocations after epoch `after`. There
   * are no grants if `ask` is denied.
   */
  evidence(ask: Ask, after: number): Promise<Evidence>
  /** Returns the chain of root statements, oldest first. */
  roots(): Promise<Signed[][]>
  /** Returns the revocations after the epoch, oldest first. */
  revocationsAfter(epoch: number): Promise<Signed[]>
  /**
   * Adds a grant.
   * @throws registry.grant-taken, trust.*, and registry.grant-void if the issuer is not an operator
   * and no known grant allows it
   */
  insertGrant(tx: Tx, signed: Signed, at: number): Promise<Grant>
  /**
   * Adds a revocation. @returns the state with it. @throws registry.epoch, trust.* of
   * acceptRevocation
   */
  insertRevocation(tx: Tx, signed: Signed, at: number): Promise<RevocationState>
}

export function createAccess(
  deps: { database: Database },
  options: { fleet: FleetId; rootDigest: Sha256 },
): Access {
  const { query } = deps.database
  const trust = new TrustReader(deps, options)
  return {
    state: (tx) => trust.state(tx),
    root: () => trust.root(),
    require: async (ask, about = ask.target === undefined ? 'fleet' : 'host', tx) =>
      requireAllowed(await trust.state(tx), ask, about),
    nameOf: async (actor) => operatorName((await trust.root()).root, actor) ?? actor,
    evidence: (ask, after) => collectEvidence(trust, query, { ask, after }),
    roots: () => rootVersions(query),
    revocationsAfter: (epoch) => revocationsAfter(query, epoch),
    insertGrant: (tx, signed, at) => insertGrant(trust, tx, signed, at),
    insertRevocation: (tx, signed, at) => insertRevocation(trust, tx, signed, at),
  }
}

/** @throws trust.denied */
function requireAllowed(state: TrustState, ask: Ask, about: 'fleet' | 'host'): void {
  if (about === 'fleet') return void requireRight(state, ask)
  if (authorize(state, ask).allowed) return
  // Checks again as if every grant covered all hosts. The error may then name another missing
  // right, but reveals nothing about the host.
  const { target: _, ...anywhere } = ask
  const widened = state.grants.map(({ grant }) => ({
    grant: { ...grant, selector: { all: true } as const },
  }))
  requireRight({ ...state, grants: widened }, anywhere, UNNAMED)
  const { actor, namespace, level } = ask
  throw trustError('trust.denied', {
    actor,
    namespace,
    level,
    reason: 'its grant does not cover this host' satisfies DenyReason,
    on: UNNAMED,
  })
}

function operatorName(root: Root, actor: Fingerprint): string | undefined {
  return root.operators.find(({ key }) => fingerprintOf(Buffer.from(key, 'base64')) === actor)?.name
}

async function collectEvidence(
  trust: TrustReader,
  query: Tx,
  { ask, after }: { readonly ask: Ask; readonly after: number },
): Promise<Evidence> {
  const grants = await trust.grants()
  const { accepted } = await trust.revocations()
  const { root } = await trust.root()
  const decision = authorize({ root, grants, revocations: accepted }, ask)
  // Includes only the chain, because a request contains a limited number of grants. A host needs
  // one path to the root.
  const chain = decision.allowed ? decision.chain : []
  // Read before the roots, so that the roots include the issuer of each revocation.
  const revocations = await revocationsAfter(query, after)
  return {
    roots: await rootVersions(query),
    grants: grants.filter(({ grant }) => chain.includes(grant)).map(({ signed }) => signed),
    revocations,
  }
}

async function revocationsAfter(query: Tx, epoch: number): Promise<Signed[]> {
  return (await revocationRows(query)).filter((row) => row.epoch > epoch).map(toSigned)
}

async function insertGrant(trust: TrustReader, tx: Tx, signed: Signed, at: number): Promise<Grant> {
  const grant = readSigned(signed, 'grant', { fleet: trust.fleet })
  if (await hasGrant(tx, grant.id)) throw registryError('registry.grant-taken', { id: grant.id })
  const others = (await trust.grants(tx)).map((each) => each.grant)
  if (!leadsToOperator(grant, others, operatorsOf((await trust.root(tx)).root)))
    throw registryError('registry.grant-void', { issuer: grant.issuer })
  await insertGrantRow(tx, { grant, signed }, at)
  return grant
}

async function insertRevocation(
  trust: TrustReader,
  tx: Tx,
  signed: Signed,
  at: number,
): Promise<RevocationState> {
  const before = await trust.revocations(tx)
  const revocation = readSigned(signed, 'revocation', { fleet: trust.fleet })
  const digest = createHash('sha256').update(signed.statement).digest('hex')
  if (before.known.some((known) => known.digest === digest)) return before
  // Epochs have no gaps. If two operators revoke at the same time, one gets the next epoch and the
  // other must retry.
  if (revocation.epoch !== before.epoch + 1)
    throw registryError('registry.epoch', { expected: before.epoch + 1, got: revocation.epoch })
  const { root, former } = await trust.root(tx)
  const after = acceptRevocation(before, root, signed, former)
  await insertRevocationRow(tx, { revocation, signed }, at)
  const grant =
    revocation.kind === 'grant'
      ? (await trust.grants(tx)).find((each) => each.grant.id === revocation.target)?.grant
      : undefined
  if (grant !== undefined && isGrantRevoked(after.accepted, grant))
    await markGrantRevoked(tx, grant.id, at)
  return after
}
