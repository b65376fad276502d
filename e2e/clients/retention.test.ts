/**
 * Checks generated metadata with createrepo_c, dnf and zypper. The mirror generates metadata if it
 * keeps other packages than its upstream lists.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { complete, testMirror } from '../../coordinator/repositories/sync/testing.ts'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import { samplePackages } from '../../fixtures/rpm/sample.ts'
import { type ClientRoot, clientRoot, runClient } from './client-root.ts'

const modules = `---
document: modulemd
version: 2
data:
  name: anchors
  stream: "1"
  version: 1
  context: aaaa1111
  arch: x86_64
  summary: anchors
  description: anchors
  license: { module: [MIT] }
  artifacts: { rpms: ["anchor-0:0.9-0.1.beta.noarch"] }
...
`

/**
 * Mirrors an upstream that then loses two packages under a retention policy, and calls `work` with
 * the published folder.
 */
async function published(retention: object, work: (folder: string) => void): Promise<void> {
  await using mirror = await testMirror()
  const config = mirror.config({ retention })
  const also = [{ type: 'modules', name: 'modules.yaml', text: modules }]
  const left = samplePackages.filter(
    ({ name, version }) => name !== 'Lighthouse_Tool' && !(name === 'harbor' && version === '1.1'),
  )
  await writeRepository(mirror.upstream, samplePackages, { also })
  const versions = [complete(await mirror.sync({}, config)).version]
  await writeRepository(mirror.upstream, left, { also, revision: 1_800_000_000 })
  versions.push(complete(await mirror.sync({}, config)).version)
  const { signal } = new AbortController()
  const path = config.publish.latest_path
  for (const version of versions) {
    await mirror.publisher.publish({
      repository: 'repo',
      target: 'latest',
      path,
      version: version as number,
      signal,
    })
    work(path)
  }
}

function packagesIn(root: ClientRoot): string[] {
  const { status, stdout, said } = root.dnf(
    '-q',
    'repoquery',
    '--setopt=module_platform_id=platform:el9',
    '--qf',
    '%{name}-%{version}',
  )
  assert.equal(status, 0, said)
  return stdout.trim().split('\n').sort()
}

// dnf hides packages of streams that aren't enabled. This shows that it has read the modules.
const all = samplePackages
  .flatMap(({ name, version }) => (name === 'anchor' ? [] : [`${name}-${version}`]))
  .sort()
const newest = all.filter((name) => name !== 'harbor-1.0')

for (const [retention, expected] of [
  [
    { policy: 'newest-only' },
    [newest, all.filter((name) => !['harbor-1.1', 'Lighthouse_Tool-007'].includes(name))],
  ],
  [{ policy: 'newest-only', deleted_packages: 'keep' }, [newest, newest]],
  [{ policy: 'keep-all' }, [all, all]],
] as const)
  test(`dnf, zypper and createrepo_c accept retention ${JSON.stringify(retention)}`, async () => {
    const rounds: (readonly string[])[] = [...expected]
    await published(retention, (folder) => {
      using root = clientRoot()
      root.use(pathToFileURL(folder).href)
      assert.deepEqual(packagesIn(root), rounds.shift())
      const installed = root.dnf('install', 'harbor')
      assert.equal(installed.status, 0, installed.said)
      const provides = root.dnf('provides', '/usr/share/harbor/charts.bin')
      assert.equal(provides.status, 0, provides.said)
      const refreshed = root.zypper('refresh')
      assert.equal(refreshed.status, 0, refreshed.said)
      const found = root.zypper('search', '--type', 'package', 'harbor-charts')
      assert.equal(found.status, 0, found.said)
      const reread = mkdtempSync(join(tmpdir(), 'muster-createrepo-'))
      try {
        const { status, said } = runClient('createrepo_c', [
          '--update',
          '--outputdir',
          reread,
          folder,
        ])
        assert.equal(status, 0, said)
      } finally {
        rmSync(reread, { recursive: true, force: true })
      }
    })
  })
