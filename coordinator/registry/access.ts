/**
 * What this coordinator knows of trust: the root chain, grants and revocations. The decision itself
 * is `authorize()` of shared/trust, which agents run again for themselves. Statements are read from
 * the database at every question, so that several coordinators agree; each is verified once.
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

/** Stands in a hint for a host: the command line knows what its user typed (PC-27). */
const UNNAMED = 'HOST'

/** Statements as an agent needs them to decide for itself. */
export interface Evidence {
  readonly roots: readonly (readonly Signed[])[]
  readonly grants: readonly Signed[]
  readonly revocations: readonly Signed[]
}

export interface Access {
  /**
   * @param about `host`: what is asked for names a host, known or not (default: where there is a
   * target). Whoever may not is told the same then, whether there is such a host,
   *   whatever its labels are (PC-27)
   * @throws trust.denied
   */
  require(ask: Ask, about?: 'fleet' | 'host', tx?: Tx): Promise<void>
  state(tx?: Tx): Promise<TrustState & { readonly epoch: number }>
  root(): Promise<RootState>
  /** An operator's name where the root statement has one; else the fingerprint. */
  nameOf(actor: Fingerprint): Promise<string>
  /**
   * The roots; the grants that let `ask` be asked, none if it may not; the revocations behind
   * `after`, an epoch.
   */
  evidence(ask: Ask, after: number): Promise<Evidence>
  /** The chain of root statements, oldest first. */
  roots(): Promise<Signed[][]>
  /** Revocations behind the epoch, oldest first. */
  revocationsAfter(epoch: number): Promise<Signed[]>
  /**
   * @throws registry.grant-taken, registry.grant-void for one that no operator and no known grant
   * leads to, trust.*
   */
  insertGrant(tx: Tx, signed: Signed, at: number): Promise<Grant>
  /** @returns the state with the revocation in it. @throws trust.* as acceptRevocation does */
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
  // Owned by state(): grants that were checked in this process, by their signature.
  const verifiedGrants = new Map<string, Grant>()
  let chain: RootState | undefined
  // Owned by revocations(): of exactly these rows under this root. A signature is checked once;
  // only what was added since is read anew.
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
    // Not the number of rows: inside a transaction that is rolled back there is one that never was.
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

  /** Every grant, checked, with the statement that it stands in. */
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
      // As if every grant were for all hosts: what is wrong apart from the host is what the actor
      // may know.
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
        // Not all that there are: an order carries a bounded number, and a host needs one way to
        // the root.
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
      // Epochs are handed out one by one: of two operators who revoke at the same moment one takes
      // the next number, and the other asks again.
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
      // A note for whoever looks into the database; what holds is decided from the statements.
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
