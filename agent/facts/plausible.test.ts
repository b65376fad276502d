import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rfc3339 } from '../../shared/clock.ts'
import { factPackage, factSet, type FactSet } from '../../shared/facts/package-set.ts'
import { describeProblem } from '../../shared/facts/collection.ts'
import type { CollectorResult, Doubt, Found } from './collectors/collector.ts'
import { type Settled, settle, type SettleOptions } from './plausible.ts'

const os = { id: 'test', version: '1', name: 'Test', kernel: '6', arch: 'x86_64', hostname: 'a1' }
const listed = (manager: 'dpkg' | 'rpm', count: number, version = '1-1') =>
  Array.from({ length: count }, (_, i) => factPackage(manager, `p${i}`, 'noarch', version))
const read = (
  packages: ReturnType<typeof listed>,
  more: { odd?: string[]; doubts?: Doubt[] } = {},
): CollectorResult => ({ state: 'read', packages, odd: [], doubts: [], ...more })
const known = factSet(os, [...listed('dpkg', 10), ...listed('rpm', 10)])
const unreadable: CollectorResult = { state: 'unreadable', path: '/db', reason: 'cut' }
const absent: CollectorResult = { state: 'absent' }

type LookOptions = Partial<SettleOptions> & {
  /** Minutes since the previous collection. */
  after?: number
}

interface Host {
  /** Collects again with the state of the previous collection. */
  collect(found: Record<string, CollectorResult>, options?: LookOptions): Settled
}

function host(from: FactSet | 'unknown' = known): Host {
  let before: Settled | undefined
  let minutes = 0
  return {
    collect(results, { after = 60, ...options } = {}) {
      const found: Found[] = Object.entries(results).map(([manager, result]) => ({
        manager,
        result,
      }))
      minutes += after
      before = settle(
        { os, found },
        {
          known: before?.set ?? (from === 'unknown' ? undefined : from),
          memory: before?.memory ?? {},
          previous: before?.collection.problems ?? [],
          at: rfc3339(Date.UTC(2026, 0, 1) + minutes * 60_000),
          accept: [],
          ...options,
        },
      )
      return before
    },
  }
}

const counts = ({ set }: Settled): (number | undefined)[] =>
  ['dpkg', 'rpm'].map((name) => set?.packages.filter((pkg) => pkg.manager === name).length)
const problems = ({ collection }: Settled): string[] =>
  collection.problems.map(({ manager, kind, since }) => `${manager} ${kind} ${since.slice(11, 13)}`)
const dpkg = read(listed('dpkg', 10))

test('plausible facts: keeps packages if too many disappear at once', () => {
  for (const [rpm, kind, reason] of [
    [read([]), 'implausible', 'it lists no packages (10 known)'],
    [absent, 'implausible', 'its database is gone (10 packages known)'],
    [unreadable, 'unreadable', '/db: cut'],
    [read(listed('rpm', 4)), 'implausible', '6 of 10 known packages are gone at once (4 found)'],
    [
      read(listed('rpm', 9), { doubts: [{ reason: 'lists of files', names: new Set(['p9']) }] }),
      'implausible',
      'lists of files',
    ],
    [read(listed('rpm', 9), { doubts: [{ reason: 'no end' }] }), 'implausible', 'no end'],
  ] as const) {
    // The changes of the other manager are recorded.
    const collected = host().collect({ dpkg: read(listed('dpkg', 11)), rpm })
    assert.deepEqual(counts(collected), [11, 10])
    const [problem] = collected.collection.problems
    assert.deepEqual([problem?.manager, problem?.kind, problem?.reason], ['rpm', kind, reason])
  }
})

test('plausible facts: accepts usual changes at once', () => {
  for (const [rpm, left] of [
    [read(listed('rpm', 5)), 5],
    [read(listed('rpm', 10, '2-1')), 10],
    [read(listed('rpm', 300)), 300],
    [read(listed('rpm', 9), { doubts: [{ reason: 'x', names: new Set(['other']) }] }), 9],
    [read(listed('rpm', 10), { doubts: [{ reason: 'no end' }] }), 10],
  ] as const) {
    const collected = host().collect({ dpkg, rpm })
    assert.deepEqual([counts(collected), problems(collected)], [[10, left], []])
  }
  assert.deepEqual(
    counts(host(factSet(os, listed('dpkg', 10))).collect({ dpkg, rpm: absent })),
    [10, 0],
  )
})

test('plausible facts: accepts an implausible set only if it is found twice', () => {
  const a = host()
  assert.deepEqual(problems(a.collect({ dpkg, rpm: read(listed('rpm', 2)) })), [
    'rpm implausible 01',
  ])
  assert.deepEqual(problems(a.collect({ dpkg, rpm: read(listed('rpm', 3)) })), [
    'rpm implausible 01',
  ])
  const second = a.collect({ dpkg, rpm: read(listed('rpm', 3)) })
  assert.deepEqual([counts(second), problems(second)], [[10, 3], []])
  for (const rpm of [read([]), absent]) {
    const b = host()
    assert.deepEqual(counts(b.collect({ dpkg, rpm })), [10, 10])
    assert.deepEqual(counts(b.collect({ dpkg, rpm })), [10, 0])
  }
})

test('plausible facts: a second collection within four minutes does not confirm it', () => {
  const a = host()
  for (let i = 0; i < 5; i += 1) {
    const collected = a.collect({ dpkg, rpm: read([]) }, { after: i === 0 ? 60 : 0.9 })
    assert.deepEqual([counts(collected), problems(collected)], [[10, 10], ['rpm implausible 01']])
  }
  const confirmed = a.collect({ dpkg, rpm: read([]) }, { after: 0.4 })
  assert.deepEqual([counts(confirmed), problems(confirmed)], [[10, 0], []])
  assert.deepEqual(confirmed.confirmed, [{ manager: 'rpm', gone: 10 }])
})

test('plausible facts: packages that come back end a doubt', () => {
  const a = host()
  assert.deepEqual(problems(a.collect({ dpkg, rpm: read([]) })), ['rpm implausible 01'])
  assert.deepEqual(problems(a.collect({ dpkg, rpm: read(listed('rpm', 10)) })), [])
  const again = a.collect({ dpkg, rpm: read([]) })
  assert.deepEqual([counts(again), problems(again)], [[10, 10], ['rpm implausible 03']])
})

test('plausible facts: a clock that is set back does not confirm a set too early', () => {
  const a = host()
  a.collect({ dpkg, rpm: read([]) }, { after: 120 })
  assert.deepEqual(counts(a.collect({ dpkg, rpm: read([]) }, { after: -60 })), [10, 10])
  assert.deepEqual(counts(a.collect({ dpkg, rpm: read([]) }, { after: 1 })), [10, 10])
  assert.deepEqual(counts(a.collect({ dpkg, rpm: read([]) }, { after: 4 })), [10, 0])
})

test('plausible facts: neither time nor an operator accepts an unreadable database', () => {
  const a = host()
  for (let i = 0; i < 5; i += 1)
    assert.deepEqual([counts(a.collect({ dpkg, rpm: unreadable }))], [[10, 10]])
  assert.throws(() => a.collect({ dpkg, rpm: unreadable }, { accept: ['rpm'] }), {
    code: 'facts.not-acceptable',
    exit: 'failed',
    message: /of rpm: its database \/db can't be read: cut/,
  })
  const busy: CollectorResult = { state: 'busy', path: '/db', reason: 'it changed' }
  assert.throws(() => a.collect({ dpkg, rpm: busy }, { accept: ['rpm'] }), {
    code: 'facts.not-acceptable',
  })
  assert.deepEqual(problems(a.collect({ dpkg, rpm: unreadable })), ['rpm unreadable 01'])
})

test('plausible facts: only an operator accepts a database that contradicts itself', () => {
  const a = host()
  const doubts = [{ reason: 'it has no record of p9', names: new Set(['p9']) }]
  const found = { dpkg, rpm: read(listed('rpm', 9), { doubts }) }
  for (let i = 0; i < 3; i += 1) {
    const collected = a.collect(found)
    assert.deepEqual([counts(collected), problems(collected)], [[10, 10], ['rpm implausible 01']])
  }
  const accepted = a.collect(found, { accept: ['rpm'] })
  assert.deepEqual([counts(accepted), problems(accepted)], [[10, 9], []])
  assert.deepEqual(accepted.confirmed, [{ manager: 'rpm', gone: 1 }])
  // An operator's acceptance applies to one collection only.
  assert.deepEqual(problems(a.collect({ dpkg, rpm: unreadable })), ['rpm unreadable 05'])
})

test('plausible facts: an odd record keeps its package and does not delay others', () => {
  const a = host()
  const odd = ["p9 has a record that can't be read"]
  const doubts = [{ reason: odd.join(), names: new Set(['p9']), isOdd: true }]
  const others = [...listed('rpm', 9, '2-1').slice(1), factPackage('rpm', 'new', 'noarch', '1-1')]
  const collected = a.collect({ dpkg, rpm: read(others, { odd, doubts }) })
  const names = collected.set?.packages.flatMap((pkg) =>
    pkg.manager === 'rpm' ? [`${pkg.name} ${pkg.version}`] : [],
  )
  assert.deepEqual(names?.sort().join(), 'new 1,p1 2,p2 2,p3 2,p4 2,p5 2,p6 2,p7 2,p8 2,p9 1')
  assert.deepEqual(problems(collected), ['rpm odd 01'])
  // The operator accepts that the package is gone.
  const accepted = a.collect({ dpkg, rpm: read(others, { odd, doubts }) }, { accept: ['rpm'] })
  assert.deepEqual([counts(accepted), accepted.confirmed], [[10, 9], [{ manager: 'rpm', gone: 1 }]])
})

test('plausible facts: keeps as many versions as are missing from the list', () => {
  const kernels = (...versions: string[]) =>
    versions.map((version) => factPackage('rpm', 'kernel', 'x86_64', version))
  const doubts = [{ reason: 'x', names: new Set(['kernel']), isOdd: true }]
  for (const [found, expected] of [
    [
      ['2-1', '3-1'],
      ['1-1', '2-1', '3-1'],
    ],
    [
      ['3-1', '4-1'],
      ['1-1', '3-1', '4-1'],
    ],
    [
      ['2-1', '3-1', '4-1'],
      ['2-1', '3-1', '4-1'],
    ],
    [[], ['1-1', '2-1', '3-1']],
  ] as const) {
    const a = host(factSet(os, kernels('1-1', '2-1', '3-1')))
    const { set } = a.collect({ rpm: read(kernels(...found), { doubts }) })
    assert.deepEqual(
      set?.packages.map((pkg) => `${pkg.version}-${pkg.release}`),
      expected,
    )
  }
})

test('plausible facts: an operator accepts the removals of a named manager', () => {
  const collected = host().collect({ dpkg, rpm: read(listed('rpm', 1)) }, { accept: ['rpm'] })
  assert.deepEqual([counts(collected), problems(collected)], [[10, 1], []])
  assert.deepEqual(collected.confirmed, [{ manager: 'rpm', gone: 9 }])
  const both = { dpkg: read([]), rpm: absent }
  const one = host().collect(both, { accept: ['rpm'] })
  assert.deepEqual([counts(one), problems(one)], [[10, 0], ['dpkg implausible 01']])
  assert.deepEqual(counts(host().collect(both, { accept: ['rpm', 'dpkg'] })), [0, 0])
})

test('plausible facts: an operator can accept only packages that are in doubt', () => {
  const refused = (
    found: Record<string, CollectorResult>,
    accept: string[],
    expected: { code: string; message: RegExp },
  ): void => assert.throws(() => host().collect(found, { accept }), { ...expected, exit: 'usage' })
  const lost = { dpkg, rpm: read([]) }
  refused(lost, ['dpkg'], {
    code: 'facts.not-in-doubt',
    message: /of dpkg: nothing about them is in doubt \(in doubt: rpm\)$/,
  })
  // The removals of rpm are not recorded, although an operator could accept them.
  refused(lost, ['rpm', 'dpkg'], { code: 'facts.not-in-doubt', message: /of dpkg/ })
  for (const manager of ['pacman', 'RPM', '', 'all'])
    refused(lost, [manager], {
      code: 'facts.unknown-manager',
      message: /no such package manager \(expected dpkg or rpm\)$/,
    })
  const fresh = host(factSet(os, listed('dpkg', 10)))
  assert.throws(() => fresh.collect({ dpkg, rpm: absent }, { accept: ['rpm'] }), {
    code: 'facts.unknown-manager',
    message: /"rpm".* \(expected dpkg\)$/,
  })
})

test('plausible facts: a busy package manager is a problem only the second time', () => {
  const busy: CollectorResult = { state: 'busy', path: '/db', reason: 'it changed' }
  const a = host()
  const first = a.collect({ dpkg, rpm: busy })
  assert.deepEqual([counts(first), problems(first)], [[10, 10], []])
  const second = a.collect({ dpkg, rpm: busy })
  assert.deepEqual([counts(second), problems(second)], [[10, 10], ['rpm unreadable 01']])
})

test('plausible facts: a host without a readable manager has no set', () => {
  const fresh = (found: Record<string, CollectorResult>): Settled =>
    settle(
      { os, found: Object.entries(found).map(([manager, result]) => ({ manager, result })) },
      {
        known: undefined,
        memory: {},
        previous: [],
        at: '2026-01-01T00:00:00.000Z',
        accept: [],
      },
    )
  const unsupported: CollectorResult = { state: 'unsupported', path: '/var/db/pkg' }
  for (const [found, expected] of [
    [{ dpkg: absent, rpm: absent }, [' unsupported 00']],
    [{ dpkg: absent, portage: unsupported }, ['portage unsupported 00', ' unsupported 00']],
    [{ dpkg: read([]), rpm: absent }, ['dpkg implausible 00']],
    [{ dpkg: unreadable, rpm: absent }, ['dpkg unreadable 00']],
  ] as const) {
    const settled = fresh(found)
    assert.equal(settled.set, undefined)
    assert.deepEqual(problems(settled), expected)
  }
  assert.match(
    fresh({ portage: unsupported }).collection.problems.map(describeProblem).join('\n'),
    new RegExp(
      "^portage is not supported: Muster doesn't read its database /var/db/pkg\n" +
        '.*are unknown: its package manager is not supported [(]portage[)]$',
    ),
  )
  // One readable manager is enough, although another can't be read.
  assert.deepEqual(counts(fresh({ dpkg, rpm: unreadable })), [10, 0])
  // A manager without packages is accepted the second time.
  const empty = host('unknown')
  assert.equal(empty.collect({ dpkg: read([]) }).set, undefined)
  assert.deepEqual(empty.collect({ dpkg: read([]) }).set?.packages, [])
  const accepted = host('unknown').collect({ dpkg: read([]) }, { accept: ['dpkg'] })
  assert.deepEqual(
    [accepted.set?.packages, accepted.confirmed],
    [[], [{ manager: 'dpkg', gone: 0 }]],
  )
})

test('plausible facts: names the first odd packages and counts the rest', () => {
  const odd = Array.from({ length: 8 }, (_, i) => `p${i} has no architecture`)
  const { collection, set } = host().collect({ dpkg: read(listed('dpkg', 10), { odd }) })
  const [first] = collection.problems
  assert.equal(first?.kind, 'odd')
  assert.match(
    first?.reason ?? '',
    /^p0 has no architecture; .*p4 has no architecture; and 3 more$/,
  )
  assert.equal(set?.packages.length, 20)
})
