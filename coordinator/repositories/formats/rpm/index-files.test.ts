import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { constants, zstdCompressSync } from 'node:zlib'
import { writeRepository } from '../../../../fixtures/rpm/repository.ts'
import { complete, failed, testMirror, testPackages } from '../../sync/testing.ts'

test('RS-12: metadata that differs from repomd.xml fails the sync', async () => {
  for (const [field, reason] of [
    ['checksum', /filelists.*does not have the SHA-256/],
    ['open-checksum', /filelists.*decompressed, does not have the sha256/],
    ['size', /filelists.*does not have the size/],
    ['open-size', /filelists.*(decompressed, does not have the size|is longer than)/],
  ] as const) {
    await using mirror = await testMirror()
    await writeRepository(mirror.upstream, testPackages(2))
    const file = join(mirror.upstream, 'repodata/repomd.xml')
    const text = await readFile(file, 'utf8')
    const start = text.indexOf('type="filelists"')
    const value = field.endsWith('size') ? '17' : 'f'.repeat(64)
    const changed = text.slice(start).replace(new RegExp(`(<${field}[^>]*>)[^<]*`), `$1${value}`)
    await writeFile(file, text.slice(0, start) + changed)
    assert.match(failed(await mirror.sync()).message, reason, field)
    assert.equal(
      (await mirror.database.query.selectFrom('repository_version').selectAll().execute()).length,
      0,
    )
  }
})

test('RS-06: decompresses few files with large windows at the same time', async () => {
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(1))
  const open = Buffer.alloc(64 * 1024 * 1024)
  const stored = zstdCompressSync(open, { params: { [constants.ZSTD_c_windowLog]: 26 } })
  const [sha256, openSha256] = [stored, open].map((bytes) =>
    createHash('sha256').update(bytes).digest('hex'),
  )
  const records = Array.from({ length: 10 }, (_, index) => {
    const href = `repodata/${index}.zst`
    const checksums =
      `<checksum type="sha256">${sha256}</checksum>` +
      `<open-checksum type="sha256">${openSha256}</open-checksum>`
    return {
      href,
      xml:
        `<data type="made-up-${index}">${checksums}<location href="${href}"/>` +
        `<open-size>${open.length}</open-size></data>`,
    }
  })
  for (const { href } of records) await writeFile(join(mirror.upstream, href), stored)
  const file = join(mirror.upstream, 'repodata/repomd.xml')
  await writeFile(
    file,
    (await readFile(file, 'utf8')).replace(
      '</repomd>',
      `${records.map(({ xml }) => xml).join('')}</repomd>`,
    ),
  )
  const before = process.resourceUsage().maxRSS
  complete(await mirror.sync())
  const grown = (process.resourceUsage().maxRSS - before) / 1024
  assert.ok(grown < 350, `ten windows of 64 MiB took ${Math.round(grown)} MiB`)
})
