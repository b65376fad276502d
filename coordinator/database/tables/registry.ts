/**
 * The members of the fleet, and the rights of operators. Only coordinator/registry writes these
 * tables.
 */

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
  /** JSON object of strings. */
  labels: string
  /** JSON object of strings: the host's claims about itself. Selectors ignore them. */
  claims: string
  epoch: number
  enrolled_at: number
  approved_at: number | null
  revoked_at: number | null
  last_seen: number | null
  version: string | null
  /** JSON array of multiaddrs. */
  addresses: string
}

export interface EnrollTokenTable {
  /** SHA-256 of the secret, in hex. The secret itself is never stored. */
  hash: string
  /** JSON object of strings. */
  labels: string
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
  scheme: string
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
  scheme: string
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
  /** JSON array of `{scheme, key, signature}`, bytes in base64. */
  signatures: string
  added_at: number
}
