/**
 * Tests authorize() on random fleets. It must agree with a naive implementation of the rules and
 * have the required properties.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { AgentId, Fingerprint } from '../ids.ts'
import {
  base64Key,
  minutesLater,
  sampleBody,
  TEST_AGENT,
  TEST_TIME,
  testKey,
  testUuid,
} from '../testing/statements.ts'
import { type Ask, authorize, type Target, type TrustState } from './authorize.ts'
import type { Grant } from './grant.ts'
import type { AcceptedRevocation } from './revocations.ts'
import type { Root } from './root.ts'

const [operator, second, alice, bob, carol] = [1, 2, 3, 4, 5].map(
  (n) => testKey(n).fingerprint,
) as [Fingerprint, Fingerprint, Fingerprint, Fingerprint, Fingerprint]
const root = {
  ...sampleBody('root', testKey(1)),
  type: 'muster/root/v1',
  operators: [1, 2].map((n) => ({ key: base64Key(testKey(n)), name: `o${n}` })),
} as Root
const web: Target = { agent: TEST_AGENT, labels: { role: 'web', site: 'a' } }
const db: Target = { agent: testUuid(0xa2) as AgentId, labels: { role: 'db' } }

function revocation(
  kind: 'grant' | 'key',
  target: string,
  issuer: Fingerprint,
): AcceptedRevocation {
  const body = {
    ...sampleBody('revocation', testKey(1)),
    type: 'muster/revocation/v1',
    kind,
    target,
    issuer,
  }
  return {
    revocation: body,
    byOperator: issuer === operator || issuer === second,
    digest: '',
  } as unknown as AcceptedRevocation
}

const SUBJECTS = [operator, alice, bob, carol]
const IDS = [testUuid(1), testUuid(2), testUuid(3), testUuid(4)]

const BASE = {
  ...sampleBody('grant', testKey(1)),
  type: 'muster/grant/v1',
  subject: alice,
} as Grant
const FIELDS = {
  id: fc.constantFrom(...IDS),
  issuer: fc.constantFrom(...SUBJECTS),
  subject: fc.constantFrom(...SUBJECTS),
  namespace: fc.constantFrom('run', 'repo', `run/${TEST_AGENT}`, 'run/role=web'),
  level: fc.constantFrom('observe' as const, 'control' as const),
  selector: fc.constantFrom(
    { all: true as const },
    { agents: [TEST_AGENT] },
    { labels: { role: 'web' } },
    { labels: { role: 'db' } },
  ),
  notBefore: fc.constantFrom(minutesLater(-60), minutesLater(10)),
  notAfter: fc.constantFrom(minutesLater(60), minutesLater(20)),
  depth: fc.nat(3),
  parent: fc.constantFrom(null, ...IDS),
} as const

/** Makes any grant. */
const randomGrant: fc.Arbitrary<Grant> = fc
  .record(FIELDS)
  .map((fields) => ({ ...BASE, ...fields }) as Grant)
/** Makes a grant that covers everything except one or two fields. */
const wideGrant: fc.Arbitrary<Grant> = fc
  .tuple(fc.record(FIELDS), fc.subarray(Object.keys(FIELDS), { maxLength: 2 }))
  .map(([fields, changed]) => ({
    ...BASE,
    level: 'control',
    ...Object.fromEntries(Object.entries(fields).filter(([name]) => changed.includes(name))),
  }))

/**
 * Makes wide grants in a chain from the operator through alice and bob to carol. Some links may be
 * broken.
 */
const randomChain: fc.Arbitrary<Grant[]> = fc
  .tuple(
    fc.array(wideGrant, { minLength: 1, maxLength: 3 }),
    fc.array(
      fc.tuple(
        fc.nat(2),
        randomGrant,
        fc.constantFrom('id', 'issuer', 'subject', 'depth', 'parent'),
      ),
      { maxLength: 1 },
    ),
  )
  .map(([grants, faults]) => {
    const linked = grants.map((each, i) => ({
      ...each,
      id: IDS[i] as string,
      parent: i === 0 ? null : (IDS[i - 1] as string),
      issuer: SUBJECTS[i] as Fingerprint,
      subject: SUBJECTS[i + 1] as Fingerprint,
      depth: 3 - i,
    }))
    for (const [i, from, field] of faults)
      if (linked[i]) Object.assign(linked[i], { [field]: from[field as 'id'] })
    return linked
  })

const randomRevocation = fc
  .record({
    kind: fc.constantFrom('grant' as const, 'grant' as const, 'key' as const),
    issuer: fc.constantFrom(...SUBJECTS),
    which: fc.nat(3),
  })
  .map(({ kind, issuer, which }) =>
    revocation(kind, (kind === 'key' ? SUBJECTS : IDS)[which] as string, issuer),
  )

const randomState: fc.Arbitrary<TrustState> = fc.record({
  root: fc.constant(root),
  grants: fc
    .tuple(randomChain, fc.array(randomGrant, { maxLength: 3 }))
    .chain(([chain, others]) =>
      fc.shuffledSubarray([...chain, ...others], { minLength: chain.length }),
    )
    .map((grants) => grants.map((each) => ({ grant: each }))),
  revocations: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    fc.array(randomRevocation, { maxLength: 2 }),
  ),
})

const randomAsk: fc.Arbitrary<Ask> = fc
  .record({
    actor: fc.constantFrom(alice, bob, carol),
    namespace: fc.constantFrom('run', 'run', 'run', 'repo'),
    level: fc.constantFrom('observe' as const, 'control' as const),
    target: fc.constantFrom(web, web, db, undefined),
    at: fc.constantFrom(
      TEST_TIME,
      TEST_TIME + 15 * 60_000,
      TEST_TIME + 30 * 60_000,
      TEST_TIME + 90 * 60_000,
    ),
  })
  .map(({ target, ...rest }) => ({ ...rest, ...(target && { target }) }))

/** Implements the rules naively: tries every sequence of up to four grants. */
function oracle(state: TrustState, ask: Ask): boolean {
  const grants = state.grants.map((item) => item.grant)
  const revokedKey = (key: string): boolean =>
    state.revocations.some((r) => r.revocation.kind === 'key' && r.revocation.target === key)
  if (revokedKey(ask.actor)) return false
  if (ask.actor === operator || ask.actor === second) return true
  const covers = (g: Grant): boolean => {
    if (ask.level === 'control' && g.level === 'observe') return false
    if (ask.at < Date.parse(g.notBefore) - 120_000 || ask.at >= Date.parse(g.notAfter)) return false
    const area = g.namespace.split('/')[0]
    if (area !== ask.namespace) return false
    if (g.namespace === `run/${TEST_AGENT}` && ask.target?.agent !== TEST_AGENT) return false
    if (g.namespace === 'run/role=web' && ask.target?.labels['role'] !== 'web') return false
    if (g.selector.all) return true
    if (!ask.target) return false
    if (g.selector.agents) return g.selector.agents.includes(ask.target.agent)
    return ask.target.labels['role'] === g.selector.labels?.['role']
  }
  const good = (chain: readonly Grant[]): boolean => {
    const issuers = chain.map((g) => g.issuer)
    return (
      chain[0]?.parent === null &&
      [operator, second].includes(chain[0].issuer) &&
      chain.at(-1)?.subject === ask.actor &&
      !issuers.some(revokedKey) &&
      chain.every((g, i) => {
        const above = chain[i - 1]
        const linked =
          above === undefined ||
          (g.parent === above.id && g.issuer === above.subject && g.depth < above.depth)
        const void_ = state.revocations.some(
          ({ revocation: r, byOperator }) =>
            r.kind === 'grant' &&
            r.target === g.id &&
            (byOperator || issuers.slice(0, i + 1).includes(r.issuer)),
        )
        return linked && covers(g) && !void_
      })
    )
  }
  const extend = (chain: readonly Grant[]): boolean =>
    (chain.length > 0 && good(chain)) ||
    (chain.length < 4 && grants.some((g) => extend([...chain, g])))
  return extend([])
}

describe('authorize on random fleets', () => {
  test('agrees with the naive implementation, with enough allowed cases', () => {
    let yes = 0
    let chained = 0
    fc.assert(
      fc.property(randomState, randomAsk, (state, ask) => {
        const decision = authorize(state, ask)
        if (decision.allowed) yes += 1
        if (decision.allowed && decision.chain.length > 1) chained += 1
        assert.equal(decision.allowed, oracle(state, ask))
      }),
      { numRuns: 1500 },
    )
    assert.ok(yes > 100 && chained > 5, `${yes} allowed, ${chained} by a chain`)
  })

  test('the returned chain alone is sufficient', () => {
    fc.assert(
      fc.property(randomState, randomAsk, (state, ask) => {
        const decision = authorize(state, ask)
        if (!decision.allowed) return
        assert.equal(
          authorize({ ...state, grants: decision.chain.map((each) => ({ grant: each })) }, ask)
            .allowed,
          true,
        )
      }),
      { numRuns: 400 },
    )
  })

  test('a delegation never grants more than the grantee has', () => {
    fc.assert(
      fc.property(
        randomState,
        randomAsk,
        fc.array(randomGrant, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(alice, bob, carol),
        (state, ask, extra, grantee) => {
          const before = authorize(state, ask)
          const passedOn = extra.map((each) => ({ grant: { ...each, issuer: grantee } }))
          const after = authorize({ ...state, grants: [...state.grants, ...passedOn] }, ask)
          // Each newly allowed request was already allowed to the grantee.
          if (after.allowed && !before.allowed)
            assert.equal(authorize(state, { ...ask, actor: grantee }).allowed, true)
        },
      ),
      { numRuns: 600 },
    )
  })

  test('a revocation never allows, a grant never denies', () => {
    fc.assert(
      fc.property(
        randomState,
        randomAsk,
        randomRevocation,
        randomGrant,
        (state, ask, revoke, more) => {
          const before = authorize(state, ask).allowed
          if (authorize({ ...state, revocations: [...state.revocations, revoke] }, ask).allowed)
            assert.ok(before)
          if (before)
            assert.ok(
              authorize({ ...state, grants: [...state.grants, { grant: more }] }, ask).allowed,
            )
        },
      ),
      { numRuns: 1500 },
    )
  })

  test('control implies observe; a right to the fleet implies one to each host', () => {
    fc.assert(
      fc.property(randomState, randomAsk, (state, ask) => {
        if (authorize(state, { ...ask, level: 'control' }).allowed)
          assert.ok(authorize(state, { ...ask, level: 'observe' }).allowed)
        const { target: _, ...fleet } = ask
        if (authorize(state, fleet).allowed)
          for (const target of [web, db]) assert.ok(authorize(state, { ...fleet, target }).allowed)
      }),
      { numRuns: 1500 },
    )
  })

  test('order, repetition and frozen input don’t change the decision', () => {
    const freeze = <T>(value: T): T => {
      if (typeof value === 'object' && value !== null)
        for (const item of Object.values(Object.freeze(value))) freeze(item)
      return value
    }
    fc.assert(
      fc.property(randomState, randomAsk, (state, ask) => {
        const first = authorize(freeze(structuredClone(state)), freeze(ask)).allowed
        assert.equal(
          authorize(
            {
              ...state,
              grants: state.grants.toReversed(),
              revocations: state.revocations.toReversed(),
            },
            ask,
          ).allowed,
          first,
        )
        assert.equal(
          authorize({ ...state, grants: [...state.grants, ...state.grants] }, ask).allowed,
          first,
        )
      }),
      { numRuns: 500 },
    )
  })
})
