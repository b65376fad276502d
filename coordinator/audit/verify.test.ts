import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { sql } from 'kysely'
import {
  intentStatement,
  issuer,
  logStatements,
  outcomeStatement,
  stranger,
  FLEET,
} from '../../fixtures/audit/fleet.ts'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { encodeEntry } from '../../shared/audit/entry.ts'
import { leafHash } from '../../shared/audit/tree.ts'
import { ledgerError } from './errors.ts'
import { testLog, type TestLog } from './testing.ts'
import type { Finding } from './findings.ts'
import type { VerifyReport } from './verify.ts'

const is = (code: Parameters<typeof ledgerError.is>[1]) => (error: unknown) =>
  ledgerError.is(error, code)
const named = (report: VerifyReport): [number | null, Finding['where']][] =>
  report.findings.map(({ index, where }) => [index, where])

/** Returns a log of eleven signed entries and two unsigned ones. */
async function signedLog(): Promise<TestLog> {
  const log = await testLog('sqlite', 11)
  await log.ledger.checkpoint()
  await log.fill([await intentStatement(70), await outcomeStatement(70)])
  return log
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = (bytes[at] as number) ^ 1
  await writeFile(path, bytes)
}

const forged = async (index: number): Promise<{ bytes: Uint8Array; leaf_hash: Uint8Array }> => {
  const bytes = encodeEntry({
    ...(await intentStatement(index, ['rm', '-rf', '/'])),
    at: Date.UTC(2026, 5, 1),
    coordinator: 'c1',
  })
  return { bytes, leaf_hash: leafHash(bytes) }
}

describe('verification of a ledger', () => {
  it('AL-03: names the entry whose row was edited, with or without its hash', async () => {
    await using log = await signedLog()
    const edit = (
      index: number,
      values: Record<string, Uint8Array | number | string>,
    ): Promise<unknown> =>
      log.database.query.updateTable('log_entry').set(values).where('index', '=', index).execute()
    assert.equal((await log.ledger.verify()).ok, true)
    const { bytes, leaf_hash } = await forged(4)
    await edit(4, { bytes })
    await edit(6, { bytes, leaf_hash })
    await edit(8, { leaf_hash })
    await edit(9, { actor: 'SHA256:other' })
    await edit(12, { bytes })
    assert.deepEqual(named(await log.ledger.verify()), [
      [4, 'row'],
      [6, 'row'],
      [8, 'row'],
      [9, 'statement'],
      [12, 'row'],
    ])
    await assert.rejects(log.ledger.prove(4, 11), is('ledger.damaged'))
    await assert.rejects(log.ledger.prove(6, 11), is('ledger.damaged'))
  })

  it('AL-03: names entries that were deleted, inserted or reordered', async () => {
    await using log = await signedLog()
    await log.database.query.deleteFrom('log_entry').where('index', '=', 5).execute()
    const extra = {
      index: 13,
      ...(await forged(13)),
      at: Date.UTC(2026, 5, 1),
      type: 'intent',
      operation: null,
      actor: null,
    }
    await log.database.query.insertInto('log_entry').values(extra).execute()
    await sql`update log_entry set "index" = case "index" when 2 then 1002 when 3 then 1003 end
      where "index" in (2, 3)`.execute(log.database.query)
    await sql`update log_entry set "index" = case "index" when 1002 then 3 when 1003 then 2 end
      where "index" > 1000`.execute(log.database.query)
    assert.deepEqual(named(await log.ledger.verify()).sort(), [
      [13, 'row'],
      [2, 'row'],
      [3, 'row'],
      [5, 'row'],
    ])
    await assert.rejects(Array.fromAsync(log.ledger.entries(0)), is('ledger.damaged'))
  })

  it('AL-03: names the entry whose byte was changed in a tile or a bundle', async () => {
    await using log = await signedLog()
    await flip(join(log.folder, 'tile/0/000.p/11'), 7 * 32 + 5)
    const bundle = join(log.folder, 'tile/entries/000.p/11')
    const text = await readFile(bundle, 'latin1')
    const starts = [...text.matchAll(/\{"at"/g)].map((match) => match.index)
    await flip(bundle, (starts[9] as number) + 20)
    assert.deepEqual(named(await log.ledger.verify()), [
      [7, 'tile'],
      [9, 'bundle'],
    ])
    await writeFile(bundle, text.slice(0, 100))
    assert.deepEqual(named(await log.ledger.verify()), [
      [0, 'bundle'],
      [7, 'tile'],
    ])
  })

  it('AL-03: refuses to sign over a changed row, and then refuses every change', async () => {
    await using log = await signedLog()
    await log.database.query
      .updateTable('log_entry')
      .set(await forged(6))
      .where('index', '=', 6)
      .execute()
    await assert.rejects(
      log.ledger.checkpoint(),
      (error) => ledgerError.is(error, 'ledger.damaged') && error.data['index'] === 6,
    )
    const statement = await intentStatement(80)
    await assert.rejects(log.fill([statement]), is('ledger.frozen'))
    await assert.rejects(log.ledger.checkpoint(), is('ledger.frozen'))
    assert.equal(log.ledger.published()?.size, 11)
    assert.equal((await log.ledger.verify()).ok, false)
    const again = await log.reopen()
    assert.ok(is('ledger.damaged')(again.frozen()))
    await assert.rejects(log.fill([statement]), is('ledger.frozen'))
  })

  it('AL-10: refuses to sign an entry with a wrong hash', async () => {
    await using log = await signedLog()
    const { bytes } = await forged(12)
    await log.database.query
      .updateTable('log_entry')
      .set({ bytes })
      .where('index', '=', 12)
      .execute()
    await assert.rejects(
      log.ledger.checkpoint(),
      (error) => ledgerError.is(error, 'ledger.damaged') && error.data['index'] === 12,
    )
    assert.equal(
      (await log.database.query.selectFrom('checkpoint').select('size').execute()).length,
      1,
    )
  })

  it('finds changed heads and checkpoints', async () => {
    await using log = await signedLog()
    const { query } = log.database
    const head = await query.selectFrom('log_head').selectAll().executeTakeFirstOrThrow()
    await query
      .updateTable('log_head')
      .set({ root: Buffer.alloc(32) })
      .execute()
    assert.deepEqual(named(await log.ledger.verify()), [[null, 'head']])
    await assert.rejects(log.fill([await intentStatement(81)]), is('ledger.damaged'))
    await query.updateTable('log_head').set(head).execute()
    assert.equal((await log.ledger.verify()).ok, true)
    const real = await query.selectFrom('checkpoint').selectAll().executeTakeFirstOrThrow()
    for (const wrong of [
      { note: real.note.replace('11', '12') },
      { root: Buffer.alloc(32) },
      { note: (await signCheckpoint(stranger, FLEET, { size: 11, root: real.root, at: 0 })).note },
      { ...(await signCheckpoint(issuer, FLEET, { size: 11, root: Buffer.alloc(32), at: 0 })) },
    ]) {
      await query.updateTable('checkpoint').set(wrong).execute()
      const report = await log.ledger.verify()
      assert.ok(
        named(report).every(([index, where]) => index === null && where === 'checkpoint') &&
          !report.ok,
      )
      await query.updateTable('checkpoint').set(real).execute()
    }
    await query.deleteFrom('log_head').execute()
    assert.deepEqual(named(await log.ledger.verify())[0], [null, 'head'])
  })

  it('names the upper tile that does not match the tiles below it', async () => {
    await using log = await testLog('sqlite', 1)
    const [root] = await logStatements(1)
    await log.database.transaction(async (tx) => {
      for (let i = 0; i < 259; i += 1) await log.ledger.append(tx, root as never)
    })
    await log.ledger.checkpoint()
    assert.deepEqual((await log.ledger.verify()).findings, [])
    await flip(join(log.folder, 'tile/1/000.p/1'), 3)
    assert.deepEqual(named(await log.ledger.verify()), [[0, 'tile']])
    await flip(join(log.folder, 'tile/1/000.p/1'), 3)
    await flip(join(log.folder, 'tile/0/000'), 200 * 32)
    assert.deepEqual(named(await log.ledger.verify()), [[200, 'tile']])
  })
})
