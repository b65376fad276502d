/**
 * Stores and reads signed trust statements: roots, grants and revocations. trust-reader.ts checks
 * the signature of every row that it reads.
 */
import type { Kysely, Selectable as Row } from 'kysely'
import { parseRfc3339 } from '../../shared/clock.ts'
import type { Grant } from '../../shared/trust/grant.ts'
import type { Revocation } from '../../shared/trust/revocation.ts'
import type { Signed } from '../../shared/trust/signed.ts'
import { fromJsonText, toJsonText } from '../database/schema/json-text.ts'
import type { Tables } from '../database/tables/all.ts'

export type Tx = Kysely<Tables>

type StatementColumns = Pick<
  Row<Tables['grant_record']>,
  'statement' | 'scheme' | 'signature' | 'key'
>

export const toSigned = (row: StatementColumns): Signed => ({
  statement: new Uint8Array(row.statement),
  scheme: row.scheme,
  signature: new Uint8Array(row.signature),
  key: new Uint8Array(row.key),
})

const columnsOf = (signed: Signed): StatementColumns => ({
  statement: Buffer.from(signed.statement),
  scheme: signed.scheme,
  signature: Buffer.from(signed.signature),
  key: Buffer.from(signed.key),
})

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

/**
 * Returns the versions of the root statement, oldest first. A version has one element for each
 * signature.
 */
export async function rootVersions(tx: Tx): Promise<Signed[][]> {
  const rows = await tx.selectFrom('root_record').selectAll().orderBy('version').execute()
  return rows.map((row) =>
    fromJsonText(row.signatures).map(({ scheme, key, signature }) => ({
      statement: new Uint8Array(row.statement),
      scheme,
      key: fromBase64(key),
      signature: fromBase64(signature),
    })),
  )
}

/** Stores the first version of the root statement. */
export async function insertFirstRoot(tx: Tx, root: Signed, at: number): Promise<void> {
  const { scheme, key, signature } = root
  await tx
    .insertInto('root_record')
    .values({
      version: 1,
      statement: Buffer.from(root.statement),
      signatures: toJsonText([{ scheme, key: base64(key), signature: base64(signature) }]),
      added_at: at,
    })
    .execute()
}

export const grantRows = (tx: Tx) =>
  tx.selectFrom('grant_record').selectAll().orderBy('added_at').execute()

export const revocationRows = (tx: Tx) =>
  tx.selectFrom('revocation_record').selectAll().orderBy('epoch').execute()

export async function hasGrant(tx: Tx, id: string): Promise<boolean> {
  const query = tx.selectFrom('grant_record').select('id').where('id', '=', id)
  return (await query.executeTakeFirst()) !== undefined
}

export async function insertGrantRow(
  tx: Tx,
  { grant, signed }: { readonly grant: Grant; readonly signed: Signed },
  at: number,
): Promise<void> {
  const { id, issuer, subject, namespace, level, epoch } = grant
  await tx
    .insertInto('grant_record')
    .values({
      ...columnsOf(signed),
      id,
      issuer,
      subject,
      namespace,
      level,
      epoch,
      not_after: parseRfc3339(grant.notAfter),
      added_at: at,
      revoked_at: null,
    })
    .execute()
}

export async function insertRevocationRow(
  tx: Tx,
  { revocation, signed }: { readonly revocation: Revocation; readonly signed: Signed },
  at: number,
): Promise<void> {
  const { id, kind, target, epoch, issuer } = revocation
  await tx
    .insertInto('revocation_record')
    .values({ ...columnsOf(signed), id, kind, target, epoch, issuer, added_at: at })
    .execute()
}

/** Marks the row for people who read the database. Decisions use the statements, not this mark. */
export async function markGrantRevoked(tx: Tx, id: string, at: number): Promise<void> {
  await tx.updateTable('grant_record').set({ revoked_at: at }).where('id', '=', id).execute()
}
