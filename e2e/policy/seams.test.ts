/**
 * Checks the seams of the program: the places where a second format, destination, package manager
 * or protocol is added. Each rule names the only place that may contain some code.
 */
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { importsOf, root, type Source, source, sources } from '../../tools/sources.ts'
import { assertNone, placeOf } from './findings.ts'

const product = sources().filter(({ isTest }) => !isTest)

interface Rule {
  readonly title: string
  /** The files that the rule checks. */
  readonly looked: RegExp
  /** The places that may contain such code, each with its reason. */
  readonly allowed: readonly (readonly [place: RegExp, reason: string])[]
  readonly finds: RegExp
  readonly advice: string
}

/** The folders of package managers. */
const DATABASES = [
  'var/lib/(?:dpkg|rpm|pacman)',
  'usr/(?:lib/sysimage|share)/rpm',
  'var/db/pkg',
  'nix/var/nix',
  'lib/apk/db',
]

const RULES = {
  handlers: {
    title: 'a handler of a protocol is in handlers/ of its role',
    looked: /^(?:coordinator|agent)\//,
    allowed: [[/^(?:coordinator|agent)\/handlers\//, 'the handlers']],
    finds: /\bHandlers\b(?=[^'"]*from '[^']*\/define-protocol\.ts')|(?<=: )Handlers</g,
    advice: 'move the handler to handlers/ of its role',
  },
  databases: {
    title: 'only collectors know the files of package managers',
    looked: /^(?:shared|protocols|node|coordinator|agent|cli)\//,
    allowed: [
      [/^agent\/facts\/collectors\//, 'the collectors'],
      [/^protocols\/facts\/cases\.ts$/, 'a message as it is on the wire'],
    ],
    finds: new RegExp(`['"\`/](?:${DATABASES.join('|')})\\b`, 'g'),
    advice: 'ask databases() of the collector',
  },
  addresses: {
    title: 'one module knows the addresses of repositories',
    looked: /^(?:shared|protocols|node|coordinator|agent|cli)\//,
    allowed: [
      [/^shared\/repository-paths\.ts$/, 'the grammar'],
      [/^protocols\/control\/cases\//, 'messages as they are on the wire'],
    ],
    finds: /['"`/}]repos\/|'repos'/g,
    advice: 'use shared/repository-paths.ts',
  },
} as const satisfies Readonly<Record<string, Rule>>

/** Returns `path:line: found` of each finding outside of the allowed places. */
function findings(rule: Rule, { path, code }: Pick<Source, 'path' | 'code'>): string[] {
  if (!rule.looked.test(path) || rule.allowed.some(([place]) => place.test(path))) return []
  return [...code.matchAll(rule.finds)].map(
    (match) => `${placeOf({ path }, code, match.index)}: ${match[0]}`,
  )
}

for (const rule of Object.values(RULES))
  test(`policy: ${rule.title}`, () => {
    const found = product.flatMap((file) => findings(rule, file))
    assertNone(found, rule.advice)
  })

test('policy: each exception of a rule for seams is needed', () => {
  for (const { title, allowed, ...rule } of Object.values(RULES))
    for (const [place, reason] of allowed) {
      const found = product.filter(({ path }) => place.test(path))
      const open = { ...rule, title, allowed: [] }
      assert.ok(
        found.some((file) => findings(open, file).length > 0),
        `${title}: remove the exception ${place} (${reason})`,
      )
    }
})

/** Returns `path:line: import` of each import between two folders. */
function importsBetween(
  files: readonly Source[],
  from: string,
  isForbidden: (target: string) => boolean,
): string[] {
  return files
    .filter(({ path }) => path.startsWith(from))
    .flatMap((file) =>
      importsOf(file)
        .filter(({ file: target }) => target !== undefined && isForbidden(target))
        .map(({ line, specifier }) => `${file.path}:${line}: imports ${specifier}`),
    )
}

test('policy: the database imports no area of the coordinator', () => {
  const found = importsBetween(
    product,
    'coordinator/database/',
    (target) => target.startsWith('coordinator/') && !target.startsWith('coordinator/database/'),
  )
  assertNone(found, 'declare row types in coordinator/database/tables/')
})

test('policy: only verbs use operations and dispatch together', () => {
  const both = ['coordinator/operations/', 'coordinator/dispatch/']
  const isAllowed = (path: string): boolean =>
    [...both, 'coordinator/verbs/', 'coordinator/compose/'].some((place) => path.startsWith(place))
  const found = product
    .filter(({ path }) => path.startsWith('coordinator/') && !isAllowed(path))
    .filter((file) =>
      both.every((place) => importsOf(file).some(({ file: target }) => target?.startsWith(place))),
    )
    .map(({ path }) => `${path}:1: imports both`)
  assertNone(found, 'move it to coordinator/verbs/, or separate the two')
})

test('policy: each main.ts of a node only composes its parts', () => {
  for (const path of ['coordinator/main.ts', 'agent/main.ts']) {
    const lines = source(path).text.split('\n').length - 1
    assert.ok(lines <= 100, `${path}:1: ${lines} lines; move parts to compose/`)
  }
})

/** The implementations of each seam, and the contract suite that the test of each one must run. */
const SUITES: readonly (readonly [suite: string, implementations: string])[] = [
  ['describeFormat', 'coordinator/repositories/formats/*/format.ts'],
  ['describeDestination', 'coordinator/repositories/publish/*/destination.ts'],
  ['describeCollector', 'agent/facts/collectors/*/collect.ts'],
  ['describeManager', 'shared/packages/*-version.ts'],
]

test('policy: each implementation of a seam runs the contract suite of the seam', () => {
  for (const [suite, pattern] of SUITES) {
    const implementations = globSync(pattern, { cwd: root })
    assert.notDeepEqual(implementations, [], pattern)
    for (const path of implementations) {
      const tests = globSync(`${dirname(path)}/*.test.ts`, { cwd: root }).map(source)
      const runs = tests.some(
        (file) =>
          file.code.includes(`${suite}(`) && importsOf(file).some(({ file }) => file === path),
      )
      assert.ok(runs, `${path}:1: no test beside it calls ${suite}()`)
    }
  }
})

test('policy: the rules for seams find each violation', () => {
  const fires = (rule: Rule, path: string, code: string): number =>
    findings(rule, { path, code }).length
  // The texts are joined here, so that no policy reads them as imports of this file.
  const importing = (words: string, path: string): string => `${words}'${path}'`
  const imported = importing(
    'import type { Handlers } from ',
    '../../protocols/rpc/define-protocol.ts',
  )
  assert.equal(fires(RULES.handlers, 'agent/gateway/x.ts', imported), 1)
  assert.equal(fires(RULES.handlers, 'coordinator/x.ts', 'function f(): Handlers<typeof x> {}'), 1)
  assert.equal(fires(RULES.handlers, 'agent/handlers/x.ts', imported), 0)
  assert.equal(fires(RULES.databases, 'agent/facts/watch.ts', "watch('/var/lib/dpkg')"), 1)
  assert.equal(fires(RULES.databases, 'cli/x.ts', "join(root, 'usr/lib/sysimage/rpm')"), 1)
  assert.equal(fires(RULES.databases, 'cli/x.ts', "'/var/lib/muster'"), 0)
  assert.equal(fires(RULES.addresses, 'cli/x.ts', '`${http}/repos/${id}/latest/`'), 1)
  assert.equal(fires(RULES.addresses, 'node/x.ts', "segments[0] === 'repos'"), 1)
  assert.equal(fires(RULES.addresses, 'cli/x.ts', "'repos'"), 1)
  assert.equal(fires(RULES.addresses, 'cli/x.ts', "'/etc/yum.repos.d/x'"), 0)
  const file = source('coordinator/database/database.ts')
  const bad = { ...file, code: `\n${importing('import { x } from ', '../audit/append.ts')}` }
  assert.deepEqual(
    importsBetween([bad], 'coordinator/database/', (target) => target.includes('/audit/')),
    ['coordinator/database/database.ts:2: imports ../audit/append.ts'],
  )
})
