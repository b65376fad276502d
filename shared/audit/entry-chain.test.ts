import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  FLEET,
  FLEET_TIME,
  host,
  intentStatement,
  issuer,
  logStatements,
  operator,
  outcomeStatement,
  operation,
  rootStatements,
  secondIssuer,
  secondOperator,
  type Statement,
  stranger,
} from '../../fixtures/audit/fleet.ts'
import { rfc3339 } from '../clock.ts'
import { fleetId, sha256Hex } from '../ids.ts'
import { rootDigest } from '../trust/root-chain.ts'
import { signStatement } from '../trust/signed.ts'
import { encodeEntry } from './entry.ts'
import { createEntryChain, type EntryChain } from './entry-chain.ts'
import { auditError } from './errors.ts'

const bytesOf = (statement: Statement, at = FLEET_TIME): Uint8Array =>
  encodeEntry({ ...statement, at, coordinator: 'c1' })

function feed(
  statements: readonly Statement[],
  expect: Parameters<typeof createEntryChain>[0] = {},
): EntryChain {
  const chain = createEntryChain(expect)
  for (const statement of statements) chain.next(bytesOf(statement))
  chain.finish()
  return chain
}

const refused = (index: number, reason: RegExp) => (error: unknown) =>
  auditError.is(error, 'audit.entry') && error.data['index'] === index && reason.test(error.message)

const trust = async (signer = issuer, on = FLEET): Promise<Statement> => {
  const body = {
    fleet: on,
    event: 'enrolled',
    agent: null,
    actor: null,
    operation: null,
    detail: {},
    at: rfc3339(FLEET_TIME),
  }
  return { type: 'trust', operation: null, signed: await signStatement(signer, 'trust', body) }
}

describe('chain of entries', () => {
  it('accepts a log and returns its signers', async () => {
    const chain = feed([...(await logStatements(9)), await trust()], { fleet: FLEET })
    assert.equal(chain.size(), 10)
    assert.equal(chain.root()?.root.version, 1)
    assert.deepEqual(chain.hostKeys(), [host.fingerprint])
  })

  it('begins with the root, the pinned one if one is pinned', async () => {
    const [root, intent] = await logStatements(2)
    assert.throws(() => feed([intent as Statement]), refused(0, /does not begin/))
    const digest = rootDigest((root as Statement).signed.statement)
    assert.equal(feed([root as Statement], { root: digest }).root()?.digest, digest)
    assert.throws(
      () => feed([root as Statement], { root: sha256Hex.parse('0'.repeat(64)) }),
      refused(0, /fingerprint/),
    )
    assert.throws(
      () => feed([root as Statement], { fleet: fleetId.parse('00'.repeat(16)) }),
      refused(0, /fleet/),
    )
  })

  it('requires signatures of as many operators as the root demands', async () => {
    const both = { threshold: 2, operators: [operator, secondOperator] }
    const [one, two] = await rootStatements(both)
    const intent = await intentStatement(1)
    assert.equal(feed([one as Statement, two as Statement, intent]).size(), 3)
    assert.throws(() => feed([one as Statement, intent]), refused(0, /1 of its operators/))
    assert.throws(() => feed([one as Statement]), refused(0, /1 of its operators/))
    assert.throws(
      () => feed([one as Statement, one as Statement]),
      refused(0, /1 of its operators/),
    )
    const [other] = await rootStatements({ ...both, issuers: [issuer] })
    assert.throws(
      () => feed([one as Statement, other as Statement]),
      refused(0, /1 of its operators/),
    )
  })

  it('limits the number of signatures under a root', async () => {
    const [one] = (await rootStatements({
      threshold: 2,
      operators: [operator, secondOperator],
    })) as [Statement]
    const chain = createEntryChain()
    const bytes = bytesOf(one)
    for (let n = 0; n < 64; n += 1) chain.next(bytes)
    for (let n = 64; n < 80; n += 1)
      assert.throws(() => chain.next(bytes), refused(0, /1 of its operators/))
  })

  it('follows a change of the root, and no other change', async () => {
    const [first] = (await rootStatements({ issuers: [issuer] })) as [Statement]
    const [next] = (await rootStatements({
      version: 2,
      issuers: [secondIssuer],
      previous: first.signed.statement,
    })) as [Statement]
    const chain = feed([first, await trust(issuer), next, await trust(secondIssuer)])
    assert.equal(chain.root()?.root.version, 2)
    const late = await trust(issuer)
    assert.throws(() => feed([first, next, late]), refused(2, /not an issuing key/))
    const [skipped] = (await rootStatements({ version: 3, previous: first.signed.statement })) as [
      Statement,
    ]
    assert.throws(() => feed([first, skipped]), refused(1, /expected version 2/))
    const usurper = { version: 2, operators: [stranger], previous: first.signed.statement }
    const [usurped] = (await rootStatements(usurper)) as [Statement]
    assert.throws(() => feed([first, usurped]), refused(1, /0 of the operators of version 1/))
  })

  it('AL-03: refuses a statement with any other signer, operation, fleet or order', async () => {
    const [root] = (await rootStatements()) as [Statement]
    const intent = await intentStatement(1)
    assert.throws(
      () => feed([root, { ...intent, operation: operation(2) }]),
      refused(1, /different operations/),
    )
    const forged = { ...intent, signed: { ...intent.signed, key: stranger.publicKey } }
    assert.throws(() => feed([root, forged]), refused(1, /signature/))
    const changed = Buffer.from(intent.signed.statement.map((byte) => byte))
    changed.write('false', changed.indexOf('true') - 1)
    assert.throws(
      () => feed([root, { ...intent, signed: { ...intent.signed, statement: changed } }]),
      refused(1, /./),
    )
    assert.throws(
      () => feed([root, { ...intent, type: 'outcome' }]),
      refused(1, /carries a statement/),
    )
    const mine = await trust(stranger)
    assert.throws(() => feed([root, mine]), refused(1, /not an issuing key/))
    const elsewhere = await trust(issuer, fleetId.parse('00'.repeat(16)))
    assert.throws(() => feed([root, elsewhere]), refused(1, /fleet/))
    const outcome = await outcomeStatement(1)
    assert.equal(feed([root, intent, outcome]).size(), 3)
  })

  it('AL-19: refuses an entry that is older than the one before', async () => {
    const [root, intent] = (await logStatements(2)) as [Statement, Statement]
    const chain = createEntryChain()
    chain.next(bytesOf(root, FLEET_TIME + 1))
    assert.throws(
      () => chain.next(bytesOf(intent, FLEET_TIME)),
      refused(1, /before that of the entry before/),
    )
  })
})
