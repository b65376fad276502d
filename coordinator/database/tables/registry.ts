/**
 * The members of the fleet, and the rights of operators. Only coordinator/registry writes these
 * tables.
 */
import type { Scheme } from '../../../shared/trust/kinds.ts'
import type { JsonText } from '../schema/json-text.ts'

type Strings = Readonly<Record<string, string>>

export interface RegistryTables {
  agent: AgentTable
  enroll_token: EnrollTokenTable
  grant_record: GrantRecordTable
  revocation_record: RevocationRecordTable
  root_record: RootRecordTable
}

export interface AgentTable {
  id: string
  peer_id: string
  public_key: Uint8Array
  name: string
  status: 'pending' | 'approved' | 'revoked'
  labels: JsonText<Strings>
  /** The host's claims about itself. Selectors ignore them. */
  claims: JsonText<Strings>
  epoch: number
  enrolled_at: number
  approved_at: number | null
  revoked_at: number | null
  last_seen: number | null
  version: string | null
  /** Multiaddrs. */
  addresses: JsonText<readonly string[]>
}

export interface EnrollTokenTable {
  /** SHA-256 of the secret, in hex. The secret itself is never stored. */
  hash: string
  labels: JsonText<Strings>
  /** 1 if the agent that uses it needs no approval. */
  approve: 0 | 1
  created_at: number
  created_by: string
  expires_at: number
  used_at: number | null
  /** Id of the agent that used the token. */
  used_by: string | null
}

/** The signed statement is authoritative. The other columns repeat it for queries. */
export interface GrantRecordTable {
  id: string
  statement: Uint8Array
  scheme: Scheme
  signature: Uint8Array
  key: Uint8Array
  issuer: string
  subject: string
  namespace: string
  level: string
  not_after: number
  epoch: number
  added_at: number
  revoked_at: number | null
}

export interface RevocationRecordTable {
  id: string
  statement: Uint8Array
  scheme: Scheme
  signature: Uint8Array
  key: Uint8Array
  kind: 'grant' | 'key' | 'agent'
  target: string
  epoch: number
  issuer: string
  added_at: number
}

export interface RootRecordTable {
  version: number
  statement: Uint8Array
  signatures: JsonText<readonly RootSignature[]>
  added_at: number
}

/** Key and signature are base64. */
export interface RootSignature {
  readonly scheme: Scheme
  readonly key: string
  readonly signature: string
}
