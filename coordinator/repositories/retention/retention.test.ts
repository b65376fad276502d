import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { writeRepository } from '../../../fixtures/rpm/repository.ts'
import { samplePackages } from '../../../fixtures/rpm/sample.ts'
import type { PackageSpec } from '../../../fixtures/rpm/spec.ts'
import { readManifest } from '../content/manifest.ts'
import { packagePieces } from '../formats/rpm/metadata/package-xml.ts'
import { REPOMD, readRepomd } from '../formats/rpm/metadata/repomd.ts'
import {
  bytesAt,
  complete,
  failed,
  type TestMirror,
  testMirror,
  testPackages,
} from '../sync/testing.ts'

const spec = (name: string, version: string, content = ''): PackageSpec => ({
  name,
  version,
  release: '1',
  files: [{ path: `/usr/share/${name}`, content: `${name} ${version} ${content}` }],
  changelog: [{ time: 1_700_000_000, author: 'A <a@b> - 1', text: '- first' }],
})

const newest = { retention: { policy: 'newest-only' } }
/** Returns the published paths of a version's packages. */
async function packagesOf(mirror: TestMirror, version: number | undefined): Promise<string[]> {
  const files = await readManifest(mirror.database.query, version as number)
  return files
    .flatMap((file) =>
      file.kind === 'package' ? [file.path.replace(/^.*\//, '').replace('-1.noarch.rpm', '')] : [],
    )
    .sort()
}

/** Returns the packages of one metadata file, as text. */
async function texts(bytes: Uint8Array): Promise<string[]> {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield gunzipSync(bytes)
  }
  return (await Array.fromAsync(packagePieces(source(), 'f'))).flatMap((piece) =>
    piece.kind === 'package' ? [piece.text] : [],
  )
}

/**
 * Returns the packages of a version's metadata by type. Fails unless every file in its repomd.xml
 * exists with the listed checksum.
 */
async function described(
  mirror: TestMirror,
  version: number | undefined,
): Promise<Map<string, string[]>> {
  const repomd = readRepomd((await bytesAt(mirror, version, REPOMD)) as Buffer)
  const found = new Map<string, string[]>()
  for (const record of repomd.records) {
    const bytes = (await bytesAt(mirror, version, record.href)) as Buffer
    assert.equal(bytes.length, record.size, record.href)
    assert.equal(gunzipSync(bytes).length, record.openSize)
    assert.ok(record.href.includes(record.checksum.value))
    if (['primary', 'filelists', 'other'].includes(record.type))
      found.set(record.type, await texts(bytes))
    else found.set(record.type, [])
  }
  return found
}

test("PB-12: newest-only copies the publisher's XML and drops the signature", async () => {
  await using mirror = await testMirror()
  const also = [
    { type: 'updateinfo', name: 'updateinfo.xml', text: '<updates/>' },
    { type: 'prestodelta', name: 'prestodelta.xml', text: '<prestodelta/>' },
    { type: 'primary_db', name: 'primary.sqlite', text: 'no database' },
  ]
  const written = await writeRepository(mirror.upstream, samplePackages, { also })
  for (const name of ['repomd.xml.asc', 'repomd.xml.key'])
    await writeFile(join(mirror.upstream, 'repodata', name), 'signature')
  const result = complete(await mirror.sync({}, mirror.config(newest)))
  assert.deepEqual(
    [result.fetched, result.unchanged, result.removed],
    [samplePackages.length - 1, 0, 0],
  )
  assert.ok(
    !mirror.asked().includes('Packages/h/harbor-1.0-1.x86_64.rpm'),
    'the older package was not downloaded',
  )
  assert.match(result.notices.join('\n'), /its signature of them was left out/)
  for (const name of ['repomd.xml.asc', 'repomd.xml.key'])
    assert.equal(await bytesAt(mirror, result.version, `repodata/${name}`), undefined)

  const found = await described(mirror, result.version)
  assert.deepEqual([...found.keys()], ['primary', 'filelists', 'other', 'updateinfo'])
  for (const type of ['primary', 'filelists', 'other']) {
    const upstream = written.metadata.find((each) => each.type === type)
    const original = await texts(await readFile(join(mirror.upstream, upstream?.href as string)))
    const kept = found.get(type) as string[]
    assert.equal(kept.length, samplePackages.length - 1)
    assert.ok(
      kept.every((text) => original.includes(text)),
      `${type} is copied word for word`,
    )
  }
  mirror.asked()
  assert.equal(complete(await mirror.sync({}, mirror.config(newest))).upToDate, true)
  assert.deepEqual(mirror.asked(), [REPOMD])
})

test('newest-only keeps metadata and signature if nothing is left out', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(4))
  await writeFile(join(mirror.upstream, 'repodata/repomd.xml.asc'), 'signature')
  const { version } = complete(await mirror.sync({}, mirror.config(newest)))
  for (const path of [REPOMD, 'repodata/repomd.xml.asc'])
    assert.deepEqual(
      await bytesAt(mirror, version, path),
      await readFile(join(mirror.upstream, path)),
    )
})

test('removes or keeps deleted packages as configured', async () => {
  const [before, after] = [
    [spec('a', '1'), spec('b', '1'), spec('c', '1')],
    [spec('a', '1'), spec('a', '2'), spec('b', '2')],
  ]
  for (const [retention, first, second] of [
    [{ policy: 'mirror' }, ['a-1', 'b-1', 'c-1'], ['a-1', 'a-2', 'b-2']],
    [
      { policy: 'mirror', deleted_packages: 'keep' },
      ['a-1', 'b-1', 'c-1'],
      ['a-1', 'a-2', 'b-1', 'b-2', 'c-1'],
    ],
    [{ policy: 'keep-all' }, ['a-1', 'b-1', 'c-1'], ['a-1', 'a-2', 'b-1', 'b-2', 'c-1']],
    [{ policy: 'newest-only' }, ['a-1', 'b-1', 'c-1'], ['a-2', 'b-2']],
    [
      { policy: 'newest-only', deleted_packages: 'keep' },
      ['a-1', 'b-1', 'c-1'],
      ['a-2', 'b-2', 'c-1'],
    ],
  ] as const) {
    await using mirror = await testMirror()
    const config = mirror.config({ retention })
    await writeRepository(mirror.upstream, before)
    assert.deepEqual(
      await packagesOf(mirror, complete(await mirror.sync({}, config)).version),
      first,
    )
    await rm(mirror.upstream, { recursive: true })
    await writeRepository(mirror.upstream, after, { revision: 1_800_000_000 })
    const { version } = complete(await mirror.sync({}, config))
    assert.deepEqual(await packagesOf(mirror, version), second, JSON.stringify(retention))
    for (const kept of (await described(mirror, version)).values())
      assert.equal(kept.length, second.length)
  }
})

test('keep-all keeps packages across versions, except replaced ones', async () => {
  await using mirror = await testMirror()
  const config = mirror.config({ retention: { policy: 'keep-all' } })
  for (const version of ['1', '2', '3', '4']) {
    await rm(mirror.upstream, { recursive: true })
    await writeRepository(mirror.upstream, [spec('a', version), spec('same', '1', version)], {
      revision: 1_700_000_000 + Number(version),
    })
    complete(await mirror.sync({}, config))
  }
  const last = complete(await mirror.sync({}, config))
  assert.deepEqual(await packagesOf(mirror, last.version), ['a-1', 'a-2', 'a-3', 'a-4', 'same-1'])
  const found = await described(mirror, last.version)
  assert.deepEqual(
    [...found.values()].map((kept) => kept.length),
    [5, 5, 5],
  )
  const hrefs = (found.get('primary') as string[]).map(
    (text) => /href="([^"]*)"/.exec(text)?.[1] as string,
  )
  for (const href of hrefs) assert.ok(await bytesAt(mirror, last.version, href), href)

  // Without keep-all, the next sync removes the kept packages, although the upstream is unchanged.
  const plain = complete(await mirror.sync({}, mirror.config()))
  assert.deepEqual([plain.removed, await packagesOf(mirror, plain.version)], [3, ['a-4', 'same-1']])
  assert.deepEqual(
    await bytesAt(mirror, plain.version, REPOMD),
    await readFile(join(mirror.upstream, REPOMD)),
  )
})

test("RS-31: kept packages don't count as lost", async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(20))
  const keeping = mirror.config({ name: 'keeping', retention: { policy: 'keep-all' } })
  const thin = mirror.config({ name: 'thin', ...newest })
  for (const config of [keeping, thin]) complete(await mirror.sync({}, config))
  await writeRepository(
    mirror.upstream,
    [spec('a', '1'), spec('a', '2'), spec('a', '3'), spec('a', '4'), spec('a', '5')],
    {
      revision: 1_800_000_000,
    },
  )
  assert.equal(
    (await packagesOf(mirror, complete(await mirror.sync({}, keeping)).version)).length,
    25,
  )
  assert.match(failed(await mirror.sync({}, thin)).message, /shrank from 20 to 1 packages/)
})

test('a lost package to keep makes syncs incomplete until its loss is accepted', async () => {
  await using mirror = await testMirror()
  const config = mirror.config({ retention: { policy: 'keep-all' } })
  const update = async (version: string): Promise<void> => {
    await rm(mirror.upstream, { recursive: true })
    await writeRepository(mirror.upstream, [spec('a', version)], {
      revision: 1_700_000_000 + Number(version),
    })
  }
  await update('1')
  const first = complete(await mirror.sync({}, config))
  const [lost] = (await readManifest(mirror.database.query, first.version as number)).filter(
    (file) => file.kind === 'package',
  )
  await mirror.pool.remove((lost as { blob: Parameters<typeof mirror.pool.remove>[0] }).blob)
  await update('2')
  const refused = await mirror.sync({}, config)
  assert.deepEqual(
    [refused.result, refused.failures.map(({ file, code }) => [file, code])],
    ['incomplete', [[lost?.path, 'mirror.lost']]],
  )
  const second = complete(await mirror.sync({ acceptShrink: true }, config))
  assert.match(second.notices.join('\n'), /1 packages that the upstream no longer has are also/)
  assert.deepEqual(await packagesOf(mirror, second.version), ['a-2'])

  const primary = (await readManifest(mirror.database.query, second.version as number)).find(
    (file) => file.path.includes('primary'),
  )
  await mirror.pool.remove((primary as { blob: Parameters<typeof mirror.pool.remove>[0] }).blob)
  await update('3')
  assert.match(
    failed(await mirror.sync({}, config)).message,
    /it is lost.*--accept-shrink gives them up/,
  )
  assert.deepEqual(
    await packagesOf(mirror, complete(await mirror.sync({ acceptShrink: true }, config)).version),
    ['a-3'],
  )
})
