import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  FLEET,
  FLEET_TIME,
  issuer,
  operator,
  rootStatements,
  secondIssuer,
  secondOperator,
  seededKey,
  type Statement,
} from '../../fixtures/audit/fleet.ts'
import { signCheckpoint } from '../../shared/audit/checkpoint.ts'
import { issuersOf, newestCheckpoint, storeCheckpoint } from './checkpoints.ts'
import { ledgerError } from './errors.ts'
import { testLog } from './testing.ts'

const sign = (size: number, root: number): ReturnType<typeof signCheckpoint> =>
  signCheckpoint(issuer, FLEET, { size, root: new Uint8Array(32).fill(root), at: FLEET_TIME })

describe('stored checkpoints', () => {
  it('AL-06: only grow, and one size has one root', async () => {
    await using log = await testLog('sqlite', 1)
    const { database } = log
    assert.equal(await storeCheckpoint(database, await sign(9, 1)), true)
    assert.equal(await storeCheckpoint(database, await sign(5, 2)), false)
    assert.equal(await storeCheckpoint(database, await sign(9, 1)), false)
    await assert.rejects(storeCheckpoint(database, await sign(9, 3)), (error) =>
      ledgerError.is(error, 'ledger.forked'),
    )
    assert.equal((await newestCheckpoint(database.query, FLEET))?.size, 9)
    const outcomes = await Promise.all(
      [10, 12, 11].map(async (size) => storeCheckpoint(database, await sign(size, size))),
    )
    const sizes = await database.query
      .selectFrom('checkpoint')
      .select('size')
      .orderBy('size')
      .execute()
    assert.equal(sizes.length, 1 + outcomes.filter(Boolean).length)
    assert.equal(sizes.at(-1)?.size, 12)
  })

  it('need a key of a root in the log, and new ones a key of the last root', async () => {
    await using log = await testLog()
    const both = { threshold: 2, operators: [operator, secondOperator] }
    const first = await rootStatements({ ...both, issuers: [issuer] })
    const second = await rootStatements({
      ...both,
      version: 2,
      issuers: [secondIssuer],
      previous: (first[0] as Statement).signed.statement,
    })
    await log.fill(first.slice(0, 1))
    assert.deepEqual(await issuersOf(log.database.query), { all: [], current: [] })
    await log.fill(first.slice(1))
    const hex = (keys: readonly Uint8Array[]): string[] =>
      keys.map((key) => Buffer.from(key).toString('hex'))
    assert.deepEqual(hex((await issuersOf(log.database.query)).current), hex([issuer.publicKey]))
    await log.ledger.checkpoint()
    await log.fill([...second, ...second])
    const issuers = await issuersOf(log.database.query)
    assert.deepEqual(
      [hex(issuers.all), hex(issuers.current)],
      [hex([issuer.publicKey, secondIssuer.publicKey]), hex([secondIssuer.publicKey])],
    )
    await assert.rejects(log.ledger.checkpoint(), (error) => ledgerError.is(error, 'ledger.signer'))
    const ledger = await log.reopen({ signer: secondIssuer })
    assert.equal(ledger.published()?.size, 6)
    assert.deepEqual((await ledger.verify()).findings, [])
    await assert.rejects(log.reopen({ signer: seededKey(77) }), (error) =>
      ledgerError.is(error, 'ledger.signer'),
    )
  })
})
