import assert from 'node:assert/strict'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { sql } from 'kysely'
import {
  FLEET,
  intentStatement,
  issuer,
  logStatements,
  stranger,
} from '../../fixtures/audit/fleet.ts'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { systemClock } from '../../shared/clock.ts'
import { ledgerError } from './errors.ts'
import { testLog, type TestLog } from './testing.ts'

const is = (code: Parameters<typeof ledgerError.is>[1]) => (error: unknown) =>
  ledgerError.is(error, code)
const file = (log: TestLog): string => log.url.slice('sqlite://'.length)

/** Returns a log of six signed entries whose database was set back to four entries. */
async function restored(): Promise<TestLog> {
  const log = await testLog('sqlite', 4)
  await log.ledger.checkpoint()
  await log.database.close()
  await copyFile(file(log), join(log.scratch, 'old.db'))
  await log.reopen()
  await log.fill([await intentStatement(30), await intentStatement(31)])
  await log.ledger.checkpoint()
  await log.database.close()
  await copyFile(join(log.scratch, 'old.db'), file(log))
  return log
}

describe('a ledger whose database was rolled back', () => {
  it('AL-04: signs nothing and accepts no entry after an old database was restored', async () => {
    await using log = await restored()
    const ledger = await log.reopen()
    assert.ok(is('ledger.rolled-back')(ledger.frozen()))
    await assert.rejects(ledger.checkpoint(), is('ledger.frozen'))
    await assert.rejects(log.fill([await intentStatement(32)]), is('ledger.frozen'))
    const report = await ledger.verify()
    assert.equal(report.ok, false)
    assert.equal((await ledger.head()).size, 4)
    assert.equal((await Array.fromAsync(ledger.entries(0))).length, 4)
  })

  it('AL-04: stops searching for lost entries that a stored checkpoint covers', async () => {
    await using log = await testLog('sqlite', 4)
    const { root } = await log.ledger.checkpoint()
    const { size, note, at } = await signCheckpoint(issuer, FLEET, {
      size: 50,
      root,
      at: systemClock.now(),
    })
    await log.database.query
      .insertInto('checkpoint')
      .values({ size, root: Buffer.from(root), note, at })
      .execute()
    await log.fill([await intentStatement(30)])
    await assert.rejects(
      log.ledger.checkpoint(systemClock.timeout(20_000)),
      is('ledger.rolled-back'),
    )
    assert.ok(is('ledger.rolled-back')(log.ledger.frozen()))
  })

  it("AL-04: detects a rollback from a member's newer checkpoint alone", async () => {
    await using log = await testLog('sqlite', 6)
    const newest = await log.ledger.checkpoint()
    await using other = await testLog('sqlite', 4)
    await other.ledger.checkpoint()
    await other.ledger.compareCheckpoint(
      (await signCheckpoint(issuer, FLEET, other.ledger.published() as never)).note,
    )
    await assert.rejects(
      other.ledger.compareCheckpoint(newest.note.replace('6', '7')),
      (error: { code?: unknown }) => error.code === 'audit.note',
    )
    await assert.rejects(
      other.ledger.compareCheckpoint(
        (await signCheckpoint(stranger, FLEET, { size: 99, root: Buffer.alloc(32), at: 0 })).note,
      ),
      (error: { code?: unknown }) => error.code === 'audit.note',
    )
    assert.equal(other.ledger.frozen(), undefined)
    await assert.rejects(other.ledger.compareCheckpoint(newest.note), is('ledger.rolled-back'))
    assert.ok(is('ledger.rolled-back')(other.ledger.frozen()))
    await assert.rejects(other.fill([await intentStatement(33)]), is('ledger.frozen'))
  })

  it('AL-04: rejects a log that diverged after the restore', async () => {
    await using log = await restored()
    // An attacker hides the newer checkpoint until the old database has grown. Then the attacker
    // restores the checkpoint.
    const kept = await readFile(join(log.folder, 'checkpoint'))
    await rm(log.folder, { recursive: true })
    await log.reopen()
    await log.fill([
      await intentStatement(40),
      await intentStatement(41),
      await intentStatement(42),
    ])
    await log.ledger.checkpoint()
    await assert.rejects(log.ledger.compareCheckpoint(kept.toString()), is('ledger.forked'))
    assert.ok(is('ledger.forked')(log.ledger.frozen()))
    await writeFile(join(log.folder, 'checkpoint'), kept)
    const ledger = await log.reopen()
    assert.ok(is('ledger.damaged')(ledger.frozen()))
  })

  it('AL-18: rebuilds tiles from the rows, and stops if the rows were changed', async () => {
    await using log = await testLog('sqlite', 9)
    const { note } = await log.ledger.checkpoint()
    const tile = join(log.folder, 'tile/0/000.p/9')
    const right = await readFile(tile)
    await writeFile(tile, right.subarray(0, 40))
    assert.equal((await log.reopen()).frozen(), undefined)
    assert.deepEqual(await readFile(tile), right)
    await rm(join(log.folder, 'tile'), { recursive: true })
    assert.equal((await log.reopen()).published()?.note, note)
    assert.equal((await log.ledger.verify()).ok, true)
    await rm(log.folder, { recursive: true })
    await mkdir(log.folder)
    assert.equal((await log.reopen()).published()?.note, note)
    assert.equal((await log.ledger.verify()).ok, true)
    await rm(join(log.folder, 'tile'), { recursive: true })
    await log.database.query.deleteFrom('log_entry').where('index', '=', 8).execute()
    const ledger = await log.reopen()
    assert.ok(ledgerError.is(ledger.frozen(), 'ledger.damaged'))
    assert.equal(ledger.frozen()?.data['index'], 8)
  })

  it('AL-18: the next start signs the entries that a crash left unsigned', async () => {
    await using log = await testLog('sqlite', 3)
    await log.ledger.checkpoint()
    await log.fill((await logStatements(6)).slice(3))
    assert.equal(log.ledger.published()?.size, 3)
    assert.equal((await log.reopen()).published()?.size, 6)
  })

  it('DB-13: detects that the newest transactions were lost with the write-ahead log', async () => {
    await using log = await testLog('sqlite', 3)
    await log.ledger.checkpoint()
    await sql`pragma wal_checkpoint(truncate)`.execute(log.database.query)
    await copyFile(file(log), join(log.scratch, 'without-wal.db'))
    await log.fill([await intentStatement(50)])
    await log.ledger.checkpoint()
    await log.database.close()
    await copyFile(join(log.scratch, 'without-wal.db'), file(log))
    const ledger = await log.reopen()
    assert.ok(is('ledger.rolled-back')(ledger.frozen()))
    assert.match(ledger.frozen()?.hint ?? '', /restore/)
  })

  it('AL-04: rejects its own checkpoint file after a change', async () => {
    await using log = await testLog('sqlite', 3)
    const { note } = await log.ledger.checkpoint()
    await writeFile(join(log.folder, 'checkpoint'), note.replace('time 2', 'time 3'))
    assert.ok(is('ledger.damaged')((await log.reopen()).frozen()))
  })
})
