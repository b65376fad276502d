/**
 * Tests authorize() with examples. authorize-random.test.ts compares it with a naive
 * implementation.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AgentId, Fingerprint } from '../ids.ts'
import {
  base64Key,
  minutesLater,
  OTHER_FLEET,
  sampleBody,
  TEST_AGENT,
  TEST_TIME,
  testKey,
  testUuid,
} from '../testing/statements.ts'
import {
  type Ask,
  authorize,
  type Decision,
  type DenyReason,
  requireRight,
  type Target,
} from './authorize.ts'
import { CLOCK_SKEW_MS } from './credentials.ts'
import { type Grant, grantSchema } from './grant.ts'
import type { AcceptedRevocation } from './revocations.ts'
import type { Root } from './root.ts'

const [operator, second, alice, bob, carol, dave] = [1, 2, 3, 4, 5, 6].map(
  (n) => testKey(n).fingerprint,
) as [Fingerprint, Fingerprint, Fingerprint, Fingerprint, Fingerprint, Fingerprint]
const root = {
  ...sampleBody('root', testKey(1)),
  type: 'muster/root/v1',
  operators: [1, 2].map((n) => ({ key: base64Key(testKey(n)), name: `o${n}` })),
} as Root
const OTHER_AGENT = testUuid(0xa2) as AgentId
const web: Target = { agent: TEST_AGENT, labels: { role: 'web', site: 'a' } }
const db: Target = { agent: OTHER_AGENT, labels: { role: 'db' } }

/**
 * Makes a grant from the operator to alice with some changed fields, which can always be signed.
 */
function grant(changes: Partial<Grant> = {}): Grant {
  const made = {
    ...sampleBody('grant', testKey(1)),
    type: 'muster/grant/v1',
    issuer: operator,
    subject: alice,
    ...changes,
  }
  return grantSchema.parse(made)
}

function revocation(
  kind: 'grant' | 'key' | 'agent',
  target: string,
  issuer = operator,
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

function decide(
  grants: readonly Grant[],
  ask: Partial<Ask> = {},
  revocations: readonly AcceptedRevocation[] = [],
): Decision {
  const state = { root, grants: grants.map((each) => ({ grant: each })), revocations }
  return authorize(state, {
    actor: alice,
    namespace: 'run',
    level: 'observe',
    at: TEST_TIME,
    ...ask,
  })
}

const allows = (
  grants: readonly Grant[],
  ask: Partial<Ask> = {},
  revocations?: readonly AcceptedRevocation[],
): boolean => decide(grants, ask, revocations).allowed

function denies(
  reason: DenyReason,
  grants: readonly Grant[],
  ask: Partial<Ask> = {},
  revocations?: readonly AcceptedRevocation[],
): void {
  assert.deepEqual(decide(grants, ask, revocations), { allowed: false, reason })
}

describe('authorize', () => {
  test('an operator may do everything until the key is revoked', () => {
    for (const namespace of ['run', 'policy', 'repo/x', 'fleet'])
      assert.deepEqual(decide([], { actor: second, namespace, level: 'control' }), {
        allowed: true,
        chain: [],
      })
    denies('its key was revoked', [], { actor: operator }, [revocation('key', operator, second)])
  })

  test('denies an unknown key, with the reason', () => {
    denies('no grant names it', [])
    denies('no grant names it', [grant()], { actor: bob })
    const state = { root, grants: [], revocations: [] }
    assert.throws(
      () => requireRight(state, { actor: bob, namespace: 'run', level: 'control', at: TEST_TIME }),
      {
        code: 'trust.denied',
        exit: 'denied',
        message: `${bob} may not control run: no grant names it`,
      },
    )
    assert.deepEqual(
      requireRight(state, { actor: operator, namespace: 'run', level: 'control', at: TEST_TIME }),
      [],
    )
  })

  test('control implies observe, but not the reverse', () => {
    assert.ok(allows([grant({ level: 'control' })], { level: 'control' }))
    assert.ok(allows([grant({ level: 'control' })], { level: 'observe' }))
    assert.ok(allows([grant({ level: 'observe' })], { level: 'observe' }))
    denies('its grant allows only to observe', [grant({ level: 'observe' })], { level: 'control' })
  })

  test('a namespace covers itself and the namespaces below it', () => {
    for (const [granted, asked, expected] of [
      ['repo', 'repo', true],
      ['repo', 'repo/rhel9', true],
      ['repo/rhel9', 'repo/rhel9', true],
      ['repo/rhel9', 'repo/rhel9/x', true],
      ['repo/rhel9', 'repo', false],
      ['repo/rhel9', 'repo/rhel', false],
      ['repo/rhel', 'repo/rhel9', false],
      ['repo', 'publish/rhel9', false],
      ['run', 'repo', false],
      ['fleet', 'policy', false],
    ] as const)
      assert.equal(
        allows([grant({ namespace: granted })], { namespace: asked }),
        expected,
        `${granted} for ${asked}`,
      )
    denies('no grant covers this namespace', [grant({ namespace: 'repo/x' })], {
      namespace: 'repo/y',
    })
  })

  test('a host namespace may name a host or labels', () => {
    for (const [granted, asked, target, expected] of [
      [`run/${TEST_AGENT}`, 'run', web, true],
      [`run/${TEST_AGENT}`, `run/${TEST_AGENT}`, web, true],
      [`run/${TEST_AGENT}`, 'run', db, false],
      ['run/role=web', 'run', web, true],
      ['run/role=web,site=a', 'run', web, true],
      ['run/role=web,site=b', 'run', web, false],
      ['run/role=web', 'run', db, false],
      ['run/role', 'run', web, false],
      ['run/toString=x', 'run', web, false],
      [`deploy/${TEST_AGENT}`, 'run', web, false],
      [`repo/${TEST_AGENT}`, 'repo', web, false],
      [`run/${TEST_AGENT}`, 'run', undefined, false],
    ] as const)
      assert.equal(
        allows([grant({ namespace: granted })], { namespace: asked, ...(target && { target }) }),
        expected,
        `${granted} for ${asked}`,
      )
  })

  test('denies a namespace that names another host than the target', () => {
    for (const namespace of ['run', `run/${TEST_AGENT}`])
      assert.equal(
        allows([grant({ namespace })], { namespace: `run/${TEST_AGENT}`, target: db }),
        false,
      )
  })

  test('a selector covers listed hosts and label matches; fleet rights need all', () => {
    assert.ok(allows([grant({ selector: { agents: [TEST_AGENT] } })], { target: web }))
    assert.ok(allows([grant({ selector: { labels: { role: 'web' } } })], { target: web }))
    assert.ok(
      allows([grant({ selector: { labels: { role: 'web' }, agents: [OTHER_AGENT] } })], {
        target: db,
      }),
    )
    denies('its grant does not cover this host', [grant({ selector: { agents: [TEST_AGENT] } })], {
      target: db,
    })
    denies(
      'its grant does not cover this host',
      [grant({ selector: { labels: { role: 'web', site: 'b' } } })],
      { target: web },
    )
    denies(
      'its grant does not cover this host',
      [grant({ selector: { labels: { constructor: 'x' } } })],
      { target: web },
    )
    denies('its grant covers only some hosts', [grant({ selector: { agents: [TEST_AGENT] } })])
    assert.ok(allows([grant()]))
    assert.ok(allows([grant()], { target: db }))
  })

  test('a grant starts with clock tolerance and ends exactly', () => {
    const timed = grant({ notBefore: minutesLater(0), notAfter: minutesLater(10) })
    assert.ok(allows([timed], { at: TEST_TIME - CLOCK_SKEW_MS }))
    denies('its grant is not valid yet', [timed], { at: TEST_TIME - CLOCK_SKEW_MS - 1 })
    assert.ok(allows([timed], { at: TEST_TIME + 600_000 - 1 }))
    denies('its grant has expired', [timed], { at: TEST_TIME + 600_000 })
    denies('its grant has expired', [timed], { at: Number.NaN })
  })

  test('ID-21: checks rights at the time of the log entry', () => {
    const timed = grant({ notAfter: minutesLater(10) })
    assert.ok(allows([timed], { at: TEST_TIME + 9 * 60_000 }))
    assert.ok(!allows([timed], { at: TEST_TIME + 11 * 60_000 }))
  })

  test('denies a grant by an issuer without rights', () => {
    denies('its grant does not lead to an operator of the fleet', [grant({ issuer: bob })])
    denies('its grant does not lead to an operator of the fleet', [grant({ issuer: alice })])
    denies('its grant does not lead to an operator of the fleet', [
      grant({ issuer: bob, parent: testUuid(99) }),
    ])
    // If an operator's grant has a parent, it is checked by that parent.
    denies('its grant does not lead to an operator of the fleet', [grant({ parent: testUuid(99) })])
  })

  test('ignores a grant of another fleet', () => {
    assert.ok(!allows([grant({ fleet: OTHER_FLEET })]))
  })

  describe('chains', () => {
    const one = (changes: Partial<Grant> = {}): Grant =>
      grant({ id: testUuid(0x11), level: 'control', depth: 2, ...changes })
    const two = (changes: Partial<Grant> = {}): Grant =>
      grant({
        id: testUuid(0x12),
        level: 'control',
        issuer: alice,
        subject: bob,
        parent: testUuid(0x11),
        depth: 1,
        ...changes,
      })
    const three = (changes: Partial<Grant> = {}): Grant =>
      grant({
        id: testUuid(0x13),
        level: 'control',
        issuer: bob,
        subject: carol,
        parent: testUuid(0x12),
        depth: 0,
        ...changes,
      })
    const asked = { actor: carol, level: 'control' as const }

    test('allows two delegations, and returns the chain from the operator down', () => {
      assert.deepEqual(decide([three(), one(), two()], asked), {
        allowed: true,
        chain: [one(), two(), three()],
      })
    })

    test('requires every link, matching subjects and enough depth', () => {
      for (const [reason, links] of [
        ['without the first', [two(), three()]],
        ['without the middle', [one(), three()]],
        ['middle for another subject', [one(), two({ subject: dave }), three()]],
        ['middle by another issuer', [one(), two({ issuer: dave }), three()]],
        ['wrong parent', [one(), two(), three({ parent: testUuid(0x11) })]],
        ['first without depth', [one({ depth: 1 }), two(), three()]],
        ['middle without depth', [one(), two({ depth: 0 }), three()]],
        ['first not by an operator', [one({ issuer: dave }), two(), three()]],
        [
          'own parent',
          [three({ parent: testUuid(0x13), subject: bob }), three({ parent: testUuid(0x13) })],
        ],
      ] as const)
        assert.equal(allows(links, asked), false, reason)
    })

    test('an earlier link limits all later ones', () => {
      for (const narrow of [
        { level: 'observe' },
        { namespace: `run/${OTHER_AGENT}` },
        { selector: { agents: [OTHER_AGENT] } },
        { selector: { labels: { role: 'db' } } },
        { notAfter: minutesLater(0) },
        { notBefore: minutesLater(30) },
      ] as const satisfies readonly Partial<Grant>[]) {
        const ask = { ...asked, target: web }
        assert.ok(allows([one(), two(), three()], ask))
        for (const links of [
          [one(narrow), two(), three()],
          [one(), two(narrow), three()],
          [one(), two(), three(narrow)],
        ])
          assert.equal(allows(links, ask), false, JSON.stringify(narrow))
      }
    })

    test('a link revoked by an operator or an earlier issuer voids all below it', () => {
      const links = [one(), two(), three()]
      for (const issuer of [operator, second, alice, bob])
        assert.equal(allows(links, asked, [revocation('grant', testUuid(0x13), issuer)]), false)
      for (const issuer of [operator, second, alice])
        assert.equal(allows(links, asked, [revocation('grant', testUuid(0x12), issuer)]), false)
      for (const issuer of [operator, second])
        assert.equal(allows(links, asked, [revocation('grant', testUuid(0x11), issuer)]), false)
      // A revocation from below or from another branch has no effect.
      for (const issuer of [carol, dave])
        assert.ok(allows(links, asked, [revocation('grant', testUuid(0x13), issuer)]))
      for (const issuer of [bob, carol, dave])
        assert.ok(allows(links, asked, [revocation('grant', testUuid(0x12), issuer)]))
      for (const issuer of [alice, bob, dave])
        assert.ok(allows(links, asked, [revocation('grant', testUuid(0x11), issuer)]))
      for (const key of [alice, bob, carol])
        assert.equal(allows(links, asked, [revocation('key', key)]), false)
      assert.ok(
        allows(links, asked, [
          revocation('key', dave),
          revocation('agent', TEST_AGENT),
          revocation('grant', testUuid(0x99)),
        ]),
      )
    })

    test('a copied grant id neither uses the chain nor revokes it', () => {
      // Dave, who has no rights, issues a grant with the id of alice's grant. It has no effect.
      const fake = grant({
        id: testUuid(0x11),
        level: 'control',
        issuer: dave,
        subject: dave,
        depth: 3,
      })
      const child = grant({
        id: testUuid(0x20),
        level: 'control',
        issuer: dave,
        subject: carol,
        parent: testUuid(0x11),
      })
      assert.equal(allows([one(), fake, child], asked), false)
      assert.ok(allows([fake, one(), two(), three()], asked))
      assert.ok(
        allows([fake, one(), two(), three()], asked, [revocation('grant', testUuid(0x11), dave)]),
      )
    })

    test('rejects many grants with one id quickly, and still finds a direct grant', () => {
      const flood = Array.from({ length: 2000 }, (_, i) =>
        grant({
          id: testUuid(0x11),
          issuer: dave,
          subject: dave,
          parent: testUuid(0x11),
          depth: 1 + (i % 3),
          level: 'control',
        }),
      )
      const child = grant({
        id: testUuid(0x20),
        level: 'control',
        issuer: dave,
        subject: carol,
        parent: testUuid(0x11),
      })
      assert.equal(allows([...flood, child], asked), false)
      assert.ok(
        allows(
          [...flood, child, grant({ id: testUuid(0x21), level: 'control', subject: carol })],
          asked,
        ),
      )
    })

    test('the reason is that of the closest grant', () => {
      denies('its grant has expired', [
        grant({ namespace: 'repo' }),
        grant({ notAfter: minutesLater(-0.5) }),
        grant({ level: 'observe', namespace: 'audit' }),
      ])
    })
  })
})
