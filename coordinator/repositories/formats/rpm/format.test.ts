import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeRepository } from '../../../../fixtures/rpm/repository.ts'
import { describeFormat } from '../testing/contract.ts'
import { rpmFormat } from './format.ts'
import { REPOMD } from './metadata/repomd.ts'

const hash = 'a'.repeat(64)

describeFormat('rpm', {
  format: rpmFormat,
  index: REPOMD,
  immutable: `repodata/${hash}-primary.xml.gz`,
  mutable: REPOMD,
  async write(folder, packages, { revision, advisories = [] }) {
    const text = advisories.map((id) => `<update><id>${id}</id></update>`).join('')
    const written = await writeRepository(
      folder,
      packages.map((each) => ({ ...each, release: '1' })),
      {
        revision: 1_700_000_000 + revision,
        also: [{ type: 'updateinfo', name: 'updateinfo.xml', text: `<updates>${text}</updates>` }],
      },
    )
    return written.packages.map(({ href }) => href)
  },
})

test('caches may keep only metadata whose name contains its checksum', () => {
  for (const path of [`repodata/${hash}-primary.xml.gz`, `repodata/x/${hash}-modules.yaml.gz`])
    assert.ok(rpmFormat.immutable(path), path)
  for (const path of [
    'repodata/primary.xml.gz',
    `Packages/${hash}-a.rpm`,
    `repodata/${hash}`,
    `repodata/${hash}-x/y`,
    `x/repodata/${hash}-primary.xml.gz`,
  ])
    assert.ok(!rpmFormat.immutable(path), path)
})
