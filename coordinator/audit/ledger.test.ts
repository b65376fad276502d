import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  FLEET,
  FLEET_TIME,
  intentStatement,
  issuer,
  logStatements,
  operation,
  outcomeStatement,
  secondIssuer,
  type Statement,
  stranger,
} from '../../fixtures/audit/fleet.ts'
import { openCheckpoint } from '../../shared/audit/checkpoint.ts'
import { verifyConsistency, verifyInclusion } from '../../shared/audit/proof.ts'
import { leafHash } from '../../shared/audit/tree.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { DIALECTS } from '../database/testing.ts'
import { databaseError } from '../database/errors.ts'
import { ledgerError } from './errors.ts'
import { testLog } from './testing.ts'

const is = (code: Parameters<typeof ledgerError.is>[1]) => (error: unknown) =>
  ledgerError.is(error, code)

for (const dialect of DIALECTS) {
  describe(`ledger on ${dialect}`, () => {
    it(`appends, signs, proves and verifies (${dialect})`, async () => {
      await using log = await testLog(dialect, 9)
      const { ledger } = log
      const first = await ledger.checkpoint()
      assert.equal(first.size, 9)
      assert.deepEqual(openCheckpoint(first.note, { fleet: FLEET, issuers: [issuer.publicKey] }), {
        ...first,
        root: new Uint8Array(first.root),
      })
      assert.equal(await ledger.checkpoint(), first)
      await log.fill([await intentStatement(50), await outcomeStatement(50)])
      const second = await ledger.checkpoint()
      verifyConsistency(await ledger.consistency(9, 11), first.root, second.root)
      for await (const { index, bytes } of ledger.entries(0))
        verifyInclusion(await ledger.prove(index, 11), leafHash(bytes), second.root)
      verifyInclusion(
        await ledger.prove(3, 9),
        leafHash((await Array.fromAsync(ledger.entries(3, 4)))[0]?.bytes as Uint8Array),
        first.root,
      )
      assert.deepEqual(await ledger.verify(), {
        ok: true,
        size: 11,
        root: Buffer.from(second.root).toString('hex'),
        signed: 11,
        checkpoints: 2,
        findings: [],
      })
      const after = await log.reopen()
      assert.equal(after.published()?.note, second.note)
      assert.equal(after.frozen(), undefined)
    })

    it(`puts the entry and the caller's change into one transaction (${dialect})`, async () => {
      await using log = await testLog(dialect, 1)
      const { ledger, database } = log
      const intent = await intentStatement(1)
      const lost = database.transaction(async (tx) => {
        await ledger.append(tx, intent)
        await ledger.openIntent(tx, { operation: operation(1), index: 1, verb: 'run.start' })
        throw new Error('no')
      })
      await assert.rejects(lost, /no/)
      assert.equal((await ledger.head()).size, 1)
      assert.deepEqual(await ledger.openIntents(), [])
      const { index } = await database.transaction(async (tx) => {
        const appended = await ledger.append(tx, intent)
        await ledger.openIntent(tx, {
          operation: operation(1),
          index: appended.index,
          verb: 'run.start',
        })
        return appended
      })
      assert.equal(index, 1)
      assert.deepEqual(
        (await ledger.openIntents()).map((open) => ({ ...open, at: 0 })),
        [{ operation: operation(1), index: 1, verb: 'run.start', at: 0, coordinator: 'c1' }],
      )
      const outcome = await outcomeStatement(1)
      const close = (): Promise<void> =>
        database.transaction(async (tx) => {
          await ledger.append(tx, outcome)
          await ledger.closeIntent(tx, operation(1))
        })
      const results = await Promise.allSettled([close(), close()])
      assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected'])
      assert.equal((await ledger.head()).size, 3)
      await assert.rejects(close(), is('ledger.intent-closed'))
      await assert.rejects(
        database.transaction(async (tx) => {
          await ledger.openIntent(tx, { operation: operation(2), index: 1, verb: 'x' })
          await ledger.openIntent(tx, { operation: operation(2), index: 1, verb: 'x' })
        }),
        (error) => databaseError.is(error, 'database.exists'),
      )
    })
  })
}

describe('ledger', () => {
  it('begins with a root statement and rejects entries that do not verify', async () => {
    await using log = await testLog()
    const append = (statement: Statement): Promise<unknown> =>
      log.database.transaction((tx) => log.ledger.append(tx, statement))
    const [root, intent] = (await logStatements(2)) as [Statement, Statement]
    await assert.rejects(append(intent), is('ledger.first'))
    await assert.rejects(log.ledger.checkpoint(), is('ledger.empty'))
    await append(root)
    await assert.rejects(append({ ...intent, operation: operation(7) }), is('ledger.entry'))
    await assert.rejects(
      append({ ...intent, signed: { ...intent.signed, key: stranger.publicKey } }),
      is('ledger.entry'),
    )
    await assert.rejects(append({ ...intent, type: 'outcome' }), is('ledger.entry'))
    await assert.rejects(append(await intentStatement(1, ['"'.repeat(20_000)])), is('ledger.entry'))
    await append(intent)
    assert.equal((await log.ledger.head()).size, 2)
  })

  it('AL-19: clamps a clock that steps back and marks the entry', async () => {
    await using log = await testLog()
    let now = FLEET_TIME
    const clock: Clock = { ...systemClock, now: () => now }
    await log.reopen({ clock })
    const statements = await logStatements(4)
    for (const [i, at] of [
      FLEET_TIME,
      FLEET_TIME - 3_600_000,
      FLEET_TIME - 1,
      FLEET_TIME + 5,
    ].entries()) {
      now = at
      await log.fill([statements[i] as Statement])
    }
    const entries = await Array.fromAsync(log.ledger.entries(0))
    assert.deepEqual(
      entries.map(({ entry }) => [entry.at, entry.clamped]),
      [
        ['2026-01-31T08:00:00.000Z', undefined],
        ['2026-01-31T08:00:00.000Z', true],
        ['2026-01-31T08:00:00.000Z', true],
        ['2026-01-31T08:00:00.005Z', undefined],
      ],
    )
    assert.equal((await log.ledger.verify()).ok, true)
  })

  it('signs only with an issuing key of the root', async () => {
    await using log = await testLog('sqlite', 3)
    await assert.rejects(log.reopen({ signer: stranger }), is('ledger.signer'))
    const ledger = await log.reopen({ signer: secondIssuer })
    assert.equal(ledger.published()?.size, 3)
  })

  it('shares one checkpoint among concurrent callers', async () => {
    await using log = await testLog('sqlite', 5)
    const all = await Promise.all(Array.from({ length: 20 }, () => log.ledger.checkpoint()))
    assert.equal(new Set(all).size, 1)
    await assert.rejects(log.ledger.checkpoint(AbortSignal.abort(new Error('gone'))), /gone/)
    const late = new AbortController()
    await log.fill([await intentStatement(60)])
    const waiting = log.ledger.checkpoint(late.signal)
    late.abort(new Error('given up'))
    await assert.rejects(waiting, /given up/)
    assert.equal((await log.ledger.checkpoint()).size, 6)
  })

  it('rejects ranges outside of the signed log', async () => {
    await using log = await testLog('sqlite', 3)
    await log.ledger.checkpoint()
    await log.fill([await intentStatement(9)])
    for (const wrong of [
      () => log.ledger.prove(0, 4),
      () => log.ledger.prove(3, 3),
      () => log.ledger.prove(-1, 3),
      () => log.ledger.consistency(0, 4),
      () => log.ledger.consistency(3, 2),
      () => Array.fromAsync(log.ledger.entries(5)),
      () => Array.fromAsync(log.ledger.entries(0, 9)),
    ])
      await assert.rejects(wrong, (error: { code?: unknown }) => error.code === 'audit.range')
    await log.ledger.checkpoint()
    assert.equal((await log.ledger.prove(3, 4)).size, 4)
  })
})
