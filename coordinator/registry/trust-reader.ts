/**
 * Reads the verified trust state. Each call reads the rows again, so that it sees the changes of
 * other coordinators. Each statement is verified once.
 */
import type { FleetId, Sha256 } from '../../shared/ids.ts'
import type { TrustState } from '../../shared/trust/authorize.ts'
import type { Grant } from '../../shared/trust/grant.ts'
import {
  acceptRevocation,
  NOTHING_REVOKED,
  type RevocationState,
} from '../../shared/trust/revocations.ts'
import { openRootChain, type RootState } from '../../shared/trust/root-chain.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'
import type { Database } from '../database/database.ts'
import { grantRows, revocationRows, rootVersions, toSigned, type Tx } from './statements.ts'

export interface VerifiedGrant {
  readonly grant: Grant
  readonly signed: Signed
}

/** The state after exactly these rows, under this root. */
interface KnownRevocations {
  readonly root: Sha256
  readonly ids: readonly string[]
  readonly state: RevocationState
}

export class TrustReader {
  readonly fleet: FleetId
  readonly #rootDigest: Sha256
  readonly #query: Tx
  readonly #verifiedGrants = new Map<string, Grant>()
  #chain: RootState | undefined
  #revocations: KnownRevocations | undefined

  constructor(deps: { database: Database }, options: { fleet: FleetId; rootDigest: Sha256 }) {
    this.#query = deps.database.query
    this.fleet = options.fleet
    this.#rootDigest = options.rootDigest
  }

  async root(tx: Tx = this.#query): Promise<RootState> {
    const versions = await rootVersions(tx)
    if (this.#chain === undefined || this.#chain.root.version !== versions.length)
      this.#chain = openRootChain(versions, { fleet: this.fleet, digest: this.#rootDigest })
    return this.#chain
  }

  async grants(tx: Tx = this.#query): Promise<VerifiedGrant[]> {
    return (await grantRows(tx)).map((row) => {
      const signed = toSigned(row)
      return { grant: this.#verifyGrant(signed), signed }
    })
  }

  #verifyGrant(signed: Signed): Grant {
    const key = Buffer.from(signed.signature).toString('base64')
    const grant =
      this.#verifiedGrants.get(key) ?? readSigned(signed, 'grant', { fleet: this.fleet })
    this.#verifiedGrants.set(key, grant)
    return grant
  }

  async revocations(tx: Tx = this.#query): Promise<RevocationState> {
    const rows = await revocationRows(tx)
    const { root, digest, former } = await this.root(tx)
    const ids = rows.map((row) => row.id)
    const known = stillKnown(this.#revocations, digest, ids)
    if (known?.ids.length === rows.length) return known.state
    const state = rows
      .slice(known?.ids.length ?? 0)
      .reduce(
        (sum, row) => acceptRevocation(sum, root, toSigned(row), former),
        known?.state ?? NOTHING_REVOKED,
      )
    this.#revocations = { root: digest, ids, state }
    return state
  }

  async state(tx: Tx = this.#query): Promise<TrustState & { readonly epoch: number }> {
    const grants = await this.grants(tx)
    const { accepted, epoch } = await this.revocations(tx)
    return { root: (await this.root(tx)).root, grants, revocations: accepted, epoch }
  }
}

/**
 * Returns the known state if the rows begin with its rows. It compares ids, not the number of rows.
 * The known state may include a row of a transaction that was rolled back.
 */
function stillKnown(
  known: KnownRevocations | undefined,
  root: Sha256,
  ids: readonly string[],
): KnownRevocations | undefined {
  if (known?.root !== root) return undefined
  return known.ids.every((id, index) => ids[index] === id) ? known : undefined
}
