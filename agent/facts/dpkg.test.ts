import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatEvr } from '../../shared/rpm/evr.ts'
import { readDpkg } from './dpkg.ts'
import { parseDpkgStatus } from './dpkg-status.ts'

const STATUS = new URL('../../fixtures/dpkg/status', import.meta.url)

async function listed(files: Readonly<Record<string, string | Uint8Array>>): Promise<string[] | undefined> {
  const root = await mkdtemp(join(tmpdir(), 'muster-dpkg-'))
  try {
    await mkdir(join(root, 'var/lib/dpkg/updates'), { recursive: true })
    for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'var/lib/dpkg', name), text)
    const packages = await readDpkg({ root })
    return packages?.map((pkg) => `${pkg.name}:${pkg.arch} ${formatEvr(pkg)}`)
  } finally {
    await rm(root, { recursive: true })
  }
}

const paragraph = (name: string, status: string, version = '1-1', more = ''): string =>
  `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: ${version}\n${more}\n`

test('dpkg: of every status word, only installed is installed, whatever is wanted', async () => {
  const states = [
    'not-installed',
    'config-files',
    'half-installed',
    'unpacked',
    'half-configured',
    'triggers-awaited',
    'triggers-pending',
    'installed',
  ]
  const wants = ['unknown', 'install', 'hold', 'deinstall', 'purge']
  const all = wants.flatMap((want) =>
    states.flatMap((state) => ['ok', 'reinstreq'].map((flag) => ({ want, flag, state, name: `${want}-${flag}-${state}` }))),
  )
  const text = all.map(({ want, flag, state, name }) => paragraph(name, `${want} ${flag} ${state}`)).join('')
  const expected = all.filter(({ state }) => state === 'installed').map(({ name }) => `${name}:amd64 1-1`)
  assert.deepEqual(await listed({ status: text }), expected)
})

test('dpkg: a status file as real ones are', async () => {
  assert.deepEqual(await listed({ status: await readFile(STATUS) }), [
    'base-files:amd64 12.4+deb12u5',
    'libc6:amd64 2.36-9+deb12u4',
    'libc6:i386 2.36-9+deb12u4',
    'vim:amd64 2:9.0.1378-2',
    'kept-back:all 1:2.0~rc1-3+b1',
    'native:all 20230311',
    'hyphens:all 1.0-beta-2-1',
  ])
})

test('dpkg: without dpkg there are no dpkg packages, and an empty status file has none', async () => {
  assert.equal(await listed({}), undefined)
  assert.deepEqual(await listed({ status: '' }), [])
})

test('dpkg: updates of a run that has not ended replace what the status file says', async () => {
  const status =
    paragraph('a', 'install ok installed') + paragraph('b', 'install ok installed') + paragraph('c', 'install ok not-installed')
  const same = 'Multi-Arch: same\n'
  const updates = {
    'updates/0000': paragraph('a', 'install ok unpacked', '2-1'),
    'updates/0001': paragraph('a', 'install ok installed', '2-1'),
    'updates/0002': 'Package: b\nStatus: purge ok not-installed\n\n',
    'updates/0010': paragraph('c', 'install ok installed', '3-1', same).replace('amd64', 'i386'),
    'updates/0009': paragraph('c', 'install ok installed', '2-1', same),
    'updates/tmp.i': paragraph('d', 'install ok installed'),
  }
  assert.deepEqual(await listed({ status, ...updates }), ['a:amd64 2-1', 'c:amd64 2-1', 'c:i386 3-1'])
})

test('dpkg: a status file that dpkg did not write is an error, not an empty host', async () => {
  const broken = [
    'Package: a\nStatus: install ok splendid\n',
    'Package: a\nStatus: installed\n',
    'Status: install ok installed\n',
    'Package: a\nPackage: b\n',
    'Package a\n',
    'Package: a\nStatus: install ok installed\nArchitecture: all\n',
  ]
  for (const text of broken) await assert.rejects(listed({ status: text }), { code: 'facts.unreadable' }, text)
})

test('dpkg: any text is read or refused in words', () => {
  const line = fc.constantFrom(
    'Package: a',
    'Status: install ok installed',
    'Status: x',
    'Version: 1:2-3',
    'Architecture: all',
    ' Package: no',
    '\tStatus: no',
    '',
    'X',
    ':',
    'package:b',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(line).map((lines) => lines.join('\n')),
        fc.string(),
      ),
      (text) => {
        try {
          for (const record of parseDpkgStatus(text)) assert.notEqual(record.name, '')
        } catch (error) {
          assert.equal((error as Error).constructor, Error)
        }
      },
    ),
    { numRuns: 2000 },
  )
})
