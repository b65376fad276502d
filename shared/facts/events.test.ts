import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyEvents, diff, factEventSchema } from './events.ts'
import { factPackage, factSet } from './package-set.ts'
import type { FactPackage } from './package-set.ts'

const AT = '2026-01-31T08:00:00.000Z'
const noSystem = { id: '', version: '', name: '', kernel: '', arch: '', hostname: '' }
const sorted = (packages: readonly FactPackage[]): readonly FactPackage[] =>
  factSet(noSystem, packages).packages
const rpm = (name: string, evr: string): FactPackage => factPackage('rpm', name, 'x86_64', evr)
const brief = (events: ReturnType<typeof diff>): string[] =>
  events.map((e) => `${e.event} ${e.name} ${e.from} ${e.to}`)

test('facts diff: install, uninstall and update', () => {
  const before = sorted([rpm('bash', '5.1-1'), rpm('gone', '1-1'), rpm('same', '1-1')])
  const after = sorted([rpm('bash', '5.2-1'), rpm('new', '2:1-1'), rpm('same', '1-1')])
  assert.deepEqual(brief(diff(before, after, AT)), [
    'update bash 5.1-1 5.2-1',
    'uninstall gone 1-1 null',
    'install new null 2:1-1',
  ])
})

test('facts diff: with several versions side by side, a new one is not an update', () => {
  const before = sorted([rpm('kernel', '1-1'), rpm('kernel', '2-1')])
  const after = sorted([rpm('kernel', '2-1'), rpm('kernel', '3-1')])
  assert.deepEqual(brief(diff(before, after, AT)), [
    'uninstall kernel 1-1 null',
    'install kernel null 3-1',
  ])
})

test('facts diff: another architecture is another package', () => {
  const before = sorted([factPackage('dpkg', 'libc6', 'amd64', '2.36-9')])
  const after = sorted([factPackage('dpkg', 'libc6', 'i386', '2.36-9')])
  assert.equal(diff(before, after, AT).length, 2)
})

const anyPackage = fc
  .tuple(
    fc.constantFrom('rpm', 'dpkg' as const),
    fc.constantFrom('a', 'b', 'c', 'ü'),
    fc.constantFrom('', 'x', 'y'),
    fc.constantFrom('1', '1-1', '2:1-1', '2-1', '1-2-3'),
  )
  .map(([manager, name, arch, evr]) => factPackage(manager as 'rpm', name, arch, evr))

test('facts diff: applying the events gives the second set, for any two sets', () => {
  fc.assert(
    fc.property(fc.array(anyPackage), fc.array(anyPackage), (a, b) => {
      const [before, after] = [sorted(a), sorted(b)]
      const events = diff(before, after, AT)
      for (const event of events) factEventSchema.parse(event)
      assert.deepEqual(applyEvents(before, events), after)
    }),
    { numRuns: 1000 },
  )
})

test('facts events: an event that does not fit is not applied', () => {
  const packages = sorted([rpm('bash', '5.1-1')])
  const [install] = diff([], packages, AT)
  const [uninstall] = diff(sorted([rpm('zsh', '1-1')]), [], AT)
  assert.equal(applyEvents(packages, [install as NonNullable<typeof install>]), undefined)
  assert.equal(applyEvents(packages, [uninstall as NonNullable<typeof uninstall>]), undefined)
})

test('facts diff: a hundred thousand versions of one name take linear time', () => {
  const many = (from: number): readonly FactPackage[] =>
    sorted(Array.from({ length: 50_000 }, (_, i) => rpm('bomb', `${i + from}-1`)))
  assert.equal(diff(many(0), many(50_000), AT).length, 100_000)
})
