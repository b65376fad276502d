/**
 * The coordinator's trust state: the root chain, grants and revocations. `authorize()` of
 * shared/trust makes the decision, and agents run it again for themselves. Each question reads the
 * statements from the database, so that several coordinators agree. Each statement is verified
 * once.
 */
import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import { fingerprintOf } from '../../shared/identity/fingerprint.ts'
import type { Fingerprint, FleetId, Sha256 } from '../../shared/ids.ts'
import { parseRfc3339 } from '../../shared/clock.ts'
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
import {
  acceptRevocation,
  NOTHING_REVOKED,
  type RevocationState,
} from '../../shared/trust/revocations.ts'
import { openRootChain, type RootState } from '../../shared/trust/root-chain.ts'
import { operatorsOf } from '../../shared/trust/root.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/tables/all.ts'
import { registryError } from './errors.ts'

type Tx = Kysely<Tables>

/**
 * Stands for a host in a hint. The command line replaces it by the name that its user typed
 * (PC-27).
 */
const UNNAMED = 'HOST'

/** The statements that an agent needs to decide for itself. */
export interface Evidence {
  readonly roots: readonly (readonly Signed[])[]
  readonly grants: readonly Signed[]
  readonly revocations: readonly Signed[]
}

export interface Access {
  /**
   * @param about `host`: the question names a host that may not exist (default if there is a
   * target). The refusal is then the same for every host, known or not, whatever its labels are
   * (PC-27).
   * @throws trust.denied
   */
  require(ask: Ask, about?: 'fleet' | 'host', tx?: Tx): Promise<void>
  state(tx?: Tx): Promise<TrustState & { readonly epoch: number }>
  root(): Promise<RootState>
  /** The operator's name from the root statement, or else the fingerprint. */
  nameOf(actor: Fingerprint): Promise<string>
  /**
   * The roots, the grants that allow `ask` (none if it is denied), and the revocations after epoch
   * `after`.
   */
  evidence(ask: Ask, after: number): Promise<Evidence>
  /** The chain of root statements, oldest first. */
  roots(): Promise<Signed[][]>
  /** Revocations after the epoch, oldest first. */
  revocationsAfter(epoch: number): Promise<Signed[]>
  /**
   * @throws registry.grant-taken, trust.*, and registry.grant-void if no operator and no known
   * grant stands behind it
   */
  insertGrant(tx: Tx, signed: Signed, at: number): Promise<Grant>
  /** @returns the state including the revocation. @throws trust.* as acceptRevocation does */
  insertRevocation(tx: Tx, signed: Signed, at: number): Promise<RevocationState>
}

interface StatementRow {
  readonly statement: Uint8Array
  readonly scheme: string
  readonly signature: Uint8Array
  readonly key: Uint8Array
}

const toSigned = (row: StatementRow): Signed => ({
  statement: new Uint8Array(row.statement),
  scheme: row.scheme as Signed['scheme'],
  signature: new Uint8Array(row.signature),
  key: new Uint8Array(row.key),
})

export function createAccess(
  deps: { database: Database },
  options: { fleet: FleetId; rootDigest: Sha256 },
): Access {
  const { database } = deps
  // Owned by state(): the grants that this process verified, by their signature.
  const verifiedGrants = new Map<string, Grant>()
  let chain: RootState | undefined
  // Owned by revocations(): the state of exactly these rows under this root. Each signature is
  // checked once, because only new rows are read.
  let revoked: { root: Sha256; ids: readonly string[]; state: RevocationState } | undefined

  const roots = async (tx: Tx = database.query): Promise<Signed[][]> =>
    (await tx.selectFrom('root_record').selectAll().orderBy('version').execute()).map((row) =>
      (JSON.parse(row.signatures) as { scheme: string; key: string; signature: string }[]).map(
        (one) => ({
          statement: new Uint8Array(row.statement),
          scheme: one.scheme as Signed['scheme'],
          key: new Uint8Array(Buffer.from(one.key, 'base64')),
          signature: new Uint8Array(Buffer.from(one.signature, 'base64')),
        }),
      ),
    )

  const root = async (tx?: Tx): Promise<RootState> => {
    const versions = await roots(tx)
    if (chain === undefined || chain.root.version !== versions.length)
      chain = openRootChain(versions, { fleet: options.fleet, digest: options.rootDigest })
    return chain
  }

  const revocationRows = (tx: Tx = database.query) =>
    tx.selectFrom('revocation_record').selectAll().orderBy('epoch').execute()

  const revocations = async (tx?: Tx): Promise<RevocationState> => {
    const rows = await revocationRows(tx)
    const { root: current, digest, former } = await root(tx)
    // Compares ids, not the number of rows: a transaction that is rolled back had one more.
    const known =
      revoked?.root === digest && revoked.ids.every((id, i) => rows[i]?.id === id)
        ? revoked
        : undefined
    if (known === undefined || known.ids.length < rows.length) {
      const added = rows.slice(known?.ids.length ?? 0)
      const state = added.reduce(
        (sum, row) => acceptRevocation(sum, current, toSigned(row), former),
        known?.state ?? NOTHING_REVOKED,
      )
      revoked = { root: digest, ids: rows.map((row) => row.id), state }
      return state
    }
    return known.state
  }

  const grantRows = (tx: Tx = database.query) =>
    tx.selectFrom('grant_record').selectAll().orderBy('added_at').execute()

  /** Every grant, verified, with its signed statement. */
  const statements = async (tx?: Tx): Promise<{ grant: Grant; signed: Signed }[]> =>
    (await grantRows(tx)).map((row) => {
      const signed = toSigned(row)
      const seen = Buffer.from(row.signature).toString('base64')
      const grant =
        verifiedGrants.get(seen) ?? readSigned(signed, 'grant', { fleet: options.fleet })
      verifiedGrants.set(seen, grant)
      return { grant, signed }
    })

  const state = async (tx?: Tx): Promise<TrustState & { readonly epoch: number }> => {
    const grants = await statements(tx)
    const { accepted, epoch } = await revocations(tx)
    return { root: (await root(tx)).root, grants, revocations: accepted, epoch }
  }

  return {
    state,
    root,

    async require(ask, about = ask.target === undefined ? 'fleet' : 'host', tx?: Tx) {
      const current = await state(tx)
      if (about === 'fleet') return void requireRight(current, ask)
      if (authorize(current, ask).allowed) return
      // Assumes that every grant covers all hosts. The actor may learn what else is missing, but
      // nothing about the host.
      const { target: _, ...anywhere } = ask
      const widened = current.grants.map(({ grant }) => ({
        grant: { ...grant, selector: { all: true } as const },
      }))
      requireRight({ ...current, grants: widened }, anywhere, UNNAMED)
      const { actor, namespace, level } = ask
      throw trustError('trust.denied', {
        actor,
        namespace,
        level,
        reason: 'its grant does not cover this host' satisfies DenyReason,
        on: UNNAMED,
      })
    },

    async nameOf(actor) {
      const { operators } = (await root()).root
      return (
        operators.find((operator) => fingerprintOf(Buffer.from(operator.key, 'base64')) === actor)
          ?.name ?? actor
      )
    },

    async evidence(ask, after) {
      const grants = await statements()
      const { accepted } = await revocations()
      const decision = authorize({ root: (await root()).root, grants, revocations: accepted }, ask)
      const chain = decision.allowed ? decision.chain : []
      const rows = await revocationRows()
      return {
        roots: await roots(),
        // Only the chain: an intent carries a bounded number of grants, and a host needs one path
        // to the root.
        grants: grants.filter(({ grant }) => chain.includes(grant)).map(({ signed }) => signed),
        revocations: rows.filter((row) => row.epoch > after).map(toSigned),
      }
    },

    roots: () => roots(),

    async revocationsAfter(epoch) {
      return (await revocationRows()).filter((row) => row.epoch > epoch).map(toSigned)
    },

    async insertGrant(tx, signed, at) {
      const grant = readSigned(signed, 'grant', { fleet: options.fleet })
      const taken = await tx
        .selectFrom('grant_record')
        .select('id')
        .where('id', '=', grant.id)
        .executeTakeFirst()
      if (taken) throw registryError('registry.grant-taken', { id: grant.id })
      const others = (await statements(tx)).map((each) => each.grant)
      if (!leadsToOperator(grant, others, operatorsOf((await root(tx)).root)))
        throw registryError('registry.grant-void', { issuer: grant.issuer })
      await tx
        .insertInto('grant_record')
        .values({
          id: grant.id,
          statement: Buffer.from(signed.statement),
          scheme: signed.scheme,
          signature: Buffer.from(signed.signature),
          key: Buffer.from(signed.key),
          issuer: grant.issuer,
          subject: grant.subject,
          namespace: grant.namespace,
          level: grant.level,
          not_after: parseRfc3339(grant.notAfter),
          epoch: grant.epoch,
          added_at: at,
          revoked_at: null,
        })
        .execute()
      return grant
    },

    async insertRevocation(tx, signed, at) {
      const before = await revocations(tx)
      const revocation = readSigned(signed, 'revocation', { fleet: options.fleet })
      const digest = createHash('sha256').update(signed.statement).digest('hex')
      if (before.known.some((known) => known.digest === digest)) return before
      // Epochs have no gaps. If two operators revoke at the same moment, one takes the next epoch
      // and the other must retry.
      if (revocation.epoch !== before.epoch + 1)
        throw registryError('registry.epoch', { expected: before.epoch + 1, got: revocation.epoch })
      const { root: current, former } = await root(tx)
      const after = acceptRevocation(before, current, signed, former)
      await tx
        .insertInto('revocation_record')
        .values({
          id: revocation.id,
          statement: Buffer.from(signed.statement),
          scheme: signed.scheme,
          signature: Buffer.from(signed.signature),
          key: Buffer.from(signed.key),
          kind: revocation.kind,
          target: revocation.target,
          epoch: revocation.epoch,
          issuer: revocation.issuer,
          added_at: at,
        })
        .execute()
      // For people who read the database. Decisions are made from the statements.
      const grant =
        revocation.kind === 'grant' &&
        (await statements(tx)).find((each) => each.grant.id === revocation.target)?.grant
      if (grant && isGrantRevoked(after.accepted, grant))
        await tx
          .updateTable('grant_record')
          .set({ revoked_at: at })
          .where('id', '=', grant.id)
          .execute()
      return after
    },
  }
}
