import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeRepository } from '../../../../fixtures/rpm/repository.ts'
import { keyNames } from './key-files.ts'
import { bytesAt, complete, failed, testMirror, testPackages } from '../../sync/testing.ts'

test('takes key files from the configured place, else from the upstream', async () => {
  const armored =
    '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n'
  await using mirror = await testMirror()
  await writeRepository(mirror.upstream, testPackages(1))
  await writeFile(join(mirror.upstream, 'RPM-GPG-KEY-fixtures'), armored)
  await writeFile(join(mirror.upstream, 'RPM-GPG-KEY-junk'), 'not a key')
  const found = complete(await mirror.sync())
  assert.equal((await bytesAt(mirror, found.version, 'RPM-GPG-KEY-fixtures'))?.toString(), armored)
  assert.equal(await bytesAt(mirror, found.version, 'RPM-GPG-KEY-junk'), undefined)

  const keyFile = join(mirror.folder, 'vendor.asc')
  await writeFile(keyFile, armored)
  const local = mirror.config({
    name: 'local',
    rpm: { gpgkey_file: keyFile, gpgcheck: false, repo_gpgcheck: false },
  })
  assert.ok(await bytesAt(mirror, complete(await mirror.sync({}, local)).version, 'vendor.asc'))
  const url = new URL('RPM-GPG-KEY-fixtures', mirror.server.url).href
  const remote = mirror.config({
    name: 'remote',
    rpm: { gpgkey_url: url, gpgcheck: false, repo_gpgcheck: false },
  })
  assert.ok(
    await bytesAt(mirror, complete(await mirror.sync({}, remote)).version, 'RPM-GPG-KEY-fixtures'),
  )
  await writeFile(join(mirror.upstream, '100%.asc'), armored)
  const odd = mirror.config({
    name: 'odd',
    rpm: { gpgkey_url: `${mirror.server.url}100%.asc`, gpgcheck: false, repo_gpgcheck: false },
  })
  assert.ok(await bytesAt(mirror, complete(await mirror.sync({}, odd)).version, '100%.asc'))
  for (const [wrong, reason] of [
    [`${url}?op=get&search=0x1234`, /has a query/],
    [url.replace('://', '://user:secret@'), /holds a user name/],
    [mirror.server.url, /names no file/],
  ] as const) {
    const asked = mirror.config({
      name: 'wrong',
      rpm: { gpgkey_url: wrong, gpgcheck: false, repo_gpgcheck: false },
    })
    const error = failed(await mirror.sync({}, asked))
    assert.match(error.message, reason)
    assert.ok(error.exit === 'usage' && !error.message.includes('secret'))
  }
  const none = mirror.config({
    name: 'none',
    rpm: { gpgkey_url: `${url}-none`, gpgcheck: false, repo_gpgcheck: false },
  })
  assert.equal(failed(await mirror.sync({}, none)).code, 'mirror.missing')
})

test('finds key files by name in index pages of common servers', () => {
  assert.deepEqual(
    keyNames(
      '<a href="RPM-GPG-KEY-lab">x</a> <A HREF=\'./RPM-GPG-KEY-EPEL-9\'>y</A> ' +
        '<a href="RPM-GPG-KEY-lab">',
    ),
    ['RPM-GPG-KEY-EPEL-9', 'RPM-GPG-KEY-lab'],
  )
  assert.deepEqual(
    keyNames(
      '<a href="../RPM-GPG-KEY-up"><a href="/RPM-GPG-KEY-abs">' +
        '<a href="http://evil/RPM-GPG-KEY-x"><a href="RPM-GPG-KEY-a/b">' +
        '<a href="RPM-GPG-KEY-%2e%2e">',
    ),
    [],
  )
  assert.equal(
    keyNames(Array.from({ length: 100 }, (_, index) => `<a href="RPM-GPG-KEY-${index}">`).join(''))
      .length,
    16,
  )
})
