import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import { failed, testMirror, testPackages } from './testing.ts'

test('RS-12: metadata that does not match repomd.xml, stored or decompressed, fails the sync and accepts nothing', async () => {
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
    assert.equal((await mirror.database.query.selectFrom('repository_version').selectAll().execute()).length, 0)
  }
})
