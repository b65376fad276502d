/**
 * Stores enrolment tokens. Only the SHA-256 of a token's secret is stored. The transaction that
 * admits the host uses the token up. So a token works once, even if two hosts send it to two
 * coordinators at the same time (ID-08).
 */
import { tokenHash } from '../../protocols/enroll/token-hash.ts'
import type { AgentId, Fingerprint } from '../../shared/ids.ts'
import { fromJsonText, toJsonText } from '../database/schema/json-text.ts'
import { registryError } from './errors.ts'
import type { Tx } from './statements.ts'

export interface TokenTerms {
  readonly labels: Readonly<Record<string, string>>
  /** True if the host needs no further approval. */
  readonly approve: boolean
}

export interface Tokens {
  create(
    tx: Tx,
    token: {
      hash: string
      createdBy: Fingerprint
      createdAt: number
      expiresAt: number
    } & TokenTerms,
  ): Promise<void>
  /**
   * Uses the token up for `agent`.
   * @throws registry.token-unknown, the same for unknown, expired and used tokens (ID-11)
   */
  redeem(tx: Tx, secret: Uint8Array, agent: AgentId, at: number): Promise<TokenTerms>
}

export const tokens: Tokens = {
  async create(tx, token) {
    await tx
      .insertInto('enroll_token')
      .values({
        hash: token.hash,
        labels: toJsonText(token.labels),
        approve: token.approve ? 1 : 0,
        created_at: token.createdAt,
        created_by: token.createdBy,
        expires_at: token.expiresAt,
        used_at: null,
        used_by: null,
      })
      .execute()
  },

  async redeem(tx, secret, agent, at) {
    const hash = tokenHash(secret)
    // One statement checks and changes the row, so the second of two concurrent hosts changes no
    // row. The token is also invalid before its creation, so a clock that was set back can't revive
    // it (ID-09).
    const used = await tx
      .updateTable('enroll_token')
      .set({ used_at: at, used_by: agent })
      .where('hash', '=', hash)
      .where('used_at', 'is', null)
      .where('expires_at', '>', at)
      .where('created_at', '<=', at)
      .executeTakeFirst()
    if (used.numUpdatedRows !== 1n) throw registryError('registry.token-unknown')
    const row = await tx
      .selectFrom('enroll_token')
      .select(['labels', 'approve'])
      .where('hash', '=', hash)
      .executeTakeFirstOrThrow()
    return { labels: fromJsonText(row.labels), approve: row.approve === 1 }
  },
}
