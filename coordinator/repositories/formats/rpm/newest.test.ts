import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareEvr } from '../../../../shared/packages/rpm-version.ts'
import type { ModuleVersion } from './metadata/modules.ts'
import { ownHref } from '../../model/href.ts'
import type { ListedPackage } from '../../model/package.ts'
import { newestPackages } from './newest.ts'

const pkg = (
  name: string,
  version: string,
  fields: Partial<ListedPackage> = {},
): ListedPackage => ({
  name,
  arch: 'x86_64',
  epoch: 0,
  version,
  release: '1',
  checksum: { kind: 'sha256', value: 'a'.repeat(64) },
  size: 1,
  href: ownHref(`${name}-${version}`),
  source: '',
  buildTime: 0,
  ...fields,
})
const shown = (packages: readonly ListedPackage[]): string[] =>
  packages.map((each) => `${each.name}-${each.epoch}:${each.version}.${each.arch}`)
const stream = (name: string, version: number, ...packages: ListedPackage[]): ModuleVersion => ({
  stream: name,
  version: BigInt(version),
  artifacts: packages.map((each) => `${each.name}-${each.epoch}:${each.version}-1.${each.arch}`),
})

test('newest-only keeps all newest packages of each name and architecture', () => {
  const listed = [
    pkg('a', '1.9'),
    pkg('a', '1.10~rc1'),
    pkg('a', '1.10'),
    pkg('a', '1.9', { arch: 'i686' }),
    pkg('b', '9'),
    pkg('b', '1', { epoch: 1 }),
    pkg('c', '1', { href: ownHref('one') }),
    pkg('c', '1', { href: ownHref('two') }),
    pkg('c', '1', { arch: 'src' }),
  ]
  const expected = [
    'a-0:1.10.x86_64',
    'a-0:1.9.i686',
    'b-1:1.x86_64',
    'c-0:1.x86_64',
    'c-0:1.x86_64',
    'c-0:1.src',
  ]
  assert.deepEqual(shown(newestPackages(listed, [])), expected)
  assert.deepEqual(newestPackages([], []), [])
})

test('newest-only keeps module streams apart, as dnf reposync does', () => {
  const [old10, new10, old12, new12, rest] = [
    pkg('db', '10.1'),
    pkg('db', '10.2'),
    pkg('db', '12.1'),
    pkg('db', '12.2'),
    pkg('db', '9'),
  ]
  const listed = [old10, new10, old12, new12, rest]
  const modules = [
    stream('db:10', 1, old10),
    stream('db:10', 2, new10),
    stream('db:12', 1, old12),
    stream('db:12', 2, new12),
  ]
  // Each stream keeps its newest package. Outside of modules the newest is kept too, although it is
  // older than those.
  assert.deepEqual(shown(newestPackages(listed, modules)), [
    'db-0:10.2.x86_64',
    'db-0:12.2.x86_64',
    'db-0:9.x86_64',
  ])
  assert.deepEqual(shown(newestPackages(listed, [])), ['db-0:12.2.x86_64'])
})

test('newest-only keeps the stream versions that have the newest build of a package', () => {
  const [tool1, tool2, lib1, lib2] = [
    pkg('tool', '1'),
    pkg('tool', '2'),
    pkg('lib', '1'),
    pkg('lib', '2'),
  ]
  // The newest version of the stream went back to lib 1. The version with lib 2 is kept whole.
  const modules = [
    stream('m:s', 1, tool1, lib1),
    stream('m:s', 2, tool1, lib2),
    stream('m:s', 3, tool2, lib1),
  ]
  assert.deepEqual(
    shown(newestPackages([tool1, tool2, lib1, lib2], modules)),
    shown([tool1, tool2, lib1, lib2]),
  )
  const again = [stream('m:s', 1, tool1, lib1), stream('m:s', 2, tool2, lib2)]
  assert.deepEqual(shown(newestPackages([tool1, tool2, lib1, lib2], again)), shown([tool2, lib2]))
  // Both contexts of one version are kept. A package that no document lists isn't modular.
  const contexts = [stream('m:s', 2, tool2), stream('m:s', 2, lib2), stream('m:s', 1, tool1)]
  assert.deepEqual(
    shown(newestPackages([tool1, tool2, lib1, lib2], contexts)),
    shown([tool2, lib1, lib2]),
  )
})

test('newest-only drops a package only for a newer one', () => {
  const some = fc.record({
    name: fc.constantFrom('a', 'b'),
    version: fc.constantFrom('1', '1~a', '1^b', '2', '10'),
    arch: fc.constantFrom('x', 'y'),
  })
  fc.assert(
    fc.property(fc.array(some), (fields) => {
      const listed = fields.map(({ name, version, arch }) => pkg(name, version, { arch }))
      const kept = newestPackages(listed, [])
      for (const each of listed) {
        const rival = kept.find(
          (one) => one.name === each.name && one.arch === each.arch,
        ) as ListedPackage
        const order = compareEvr({ ...rival, epoch: 0 }, { ...each, epoch: 0 })
        assert.ok(kept.includes(each) ? order === 0 : order > 0)
      }
    }),
  )
})
