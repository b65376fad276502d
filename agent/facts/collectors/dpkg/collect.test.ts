import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, truncate } from 'node:fs/promises'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { diff } from '../../../../shared/facts/events.ts'
import type { CollectorResult } from '../collector.ts'
import type { FactPackage } from '../../../../shared/facts/package-set.ts'
import { formatEvr } from '../../../../shared/packages/evr.ts'
import { dpkgCollector } from './collect.ts'
import { parseDpkgStatus } from './status.ts'

const run = promisify(execFile)
const STATUS = new URL('../../../../fixtures/dpkg/status', import.meta.url)

async function packagesOf(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<readonly FactPackage[]> {
  const packages = await readFiles(files)
  assert.ok(packages)
  return packages
}

async function listed(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string[] | undefined> {
  return (await readFiles(files))?.map((pkg) => `${pkg.name}:${pkg.arch} ${formatEvr(pkg)}`)
}

async function readFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<readonly FactPackage[] | undefined> {
  const result = await resultOf(files)
  if (result.state === 'absent') return undefined
  assert.equal(result.state, 'read', JSON.stringify(result))
  return result.state === 'read' ? result.packages : undefined
}

async function resultOf(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<CollectorResult> {
  const root = await mkdtemp(join(tmpdir(), 'muster-dpkg-'))
  try {
    await mkdir(join(root, 'var/lib/dpkg/updates'), { recursive: true })
    await mkdir(join(root, 'var/lib/dpkg/info'))
    for (const [name, text] of Object.entries(files))
      await writeFile(join(root, 'var/lib/dpkg', name), text)
    return await dpkgCollector.read({ root })
  } finally {
    await rm(root, { recursive: true })
  }
}

const paragraph = (name: string, status: string, version = '1-1', more = ''): string =>
  `Package: ${name}\nStatus: ${status}\nArchitecture: amd64\nVersion: ${version}\n${more}\n`

test('dpkg: all states count except not-installed and config-files', async () => {
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
    states.flatMap((state) =>
      ['ok', 'reinstreq'].map((flag) => ({ want, flag, state, name: `${want}-${flag}-${state}` })),
    ),
  )
  const text = all
    .map(({ want, flag, state, name }) => paragraph(name, `${want} ${flag} ${state}`))
    .join('')
  const expected = all
    .filter(({ state }) => state !== 'not-installed' && state !== 'config-files')
    .map(({ name }) => `${name}:amd64 1-1`)
  assert.deepEqual(await listed({ status: text }), expected)
})

test('dpkg: reads a status file with fields of real packages', async () => {
  assert.deepEqual(await listed({ status: await readFile(STATUS) }), [
    'base-files:amd64 12.4+deb12u5',
    'libc6:amd64 2.36-9+deb12u4',
    'libc6:i386 2.36-9+deb12u4',
    'vim:amd64 2:9.0.1378-2',
    'kept-back:all 1:2.0~rc1-3+b1',
    'native:all 20230311',
    'hyphens:all 1.0-beta-2-1',
    'broken:amd64 3.0-1',
  ])
})

test('dpkg: a host without dpkg and an empty status file have no packages', async () => {
  assert.equal(await listed({}), undefined)
  assert.deepEqual(await listed({ status: '' }), [])
})

test('dpkg: updates of an unfinished run replace records of the status file', async () => {
  const status =
    paragraph('a', 'install ok installed') +
    paragraph('b', 'install ok installed') +
    paragraph('c', 'install ok not-installed')
  const same = 'Multi-Arch: same\n'
  const updates = {
    'updates/0000': paragraph('a', 'install ok unpacked', '2-1'),
    'updates/0001': paragraph('a', 'install ok installed', '2-1'),
    'updates/0002': 'Package: b\nStatus: purge ok not-installed\n\n',
    'updates/0010': paragraph('c', 'install ok installed', '3-1', same).replace('amd64', 'i386'),
    'updates/0009': paragraph('c', 'install ok installed', '2-1', same),
    'updates/tmp.i': paragraph('d', 'install ok installed'),
  }
  assert.deepEqual(await listed({ status, ...updates }), [
    'a:amd64 2-1',
    'c:amd64 2-1',
    'c:i386 3-1',
  ])
})

test('dpkg: an upgrade is one update, not a removal and an installation', async () => {
  const seen = [
    'installed 1-1',
    'half-configured 1-1',
    'half-installed 1-1',
    'unpacked 2-1',
    'triggers-pending 2-1',
    'installed 2-1',
  ]
  const sets: (readonly FactPackage[])[] = []
  for (const step of seen) {
    const [state, version] = step.split(' ') as [string, string]
    sets.push(await packagesOf({ status: paragraph('a', `install ok ${state}`, version) }))
  }
  const events = sets
    .slice(1)
    .flatMap((set, i) => diff(sets[i] as readonly FactPackage[], set, '2026-01-01T00:00:00.000Z'))
  assert.deepEqual(
    events.map(({ event }) => event),
    ['update'],
  )
})

test('dpkg: a package whose record has no version yet is not on the host', async () => {
  assert.deepEqual(
    await listed({
      status: 'Package: a\nStatus: install reinstreq half-installed\nArchitecture: all\n',
    }),
    [],
  )
})

test('dpkg: a status file of more than 128 MiB is refused before it is read', async () => {
  const root = await mkdtemp(join(tmpdir(), 'muster-dpkg-'))
  try {
    await mkdir(join(root, 'var/lib/dpkg'), { recursive: true })
    await writeFile(join(root, 'var/lib/dpkg/status'), '')
    await truncate(join(root, 'var/lib/dpkg/status'), 128 * 1024 * 1024 + 1)
    assert.deepEqual(await dpkgCollector.read({ root }), {
      state: 'unreadable',
      path: join(root, 'var/lib/dpkg/status'),
      reason: 'it has 134217729 bytes, at most 134217728 are read',
    })
  } finally {
    await rm(root, { recursive: true })
  }
})

test('dpkg: a status file that dpkg did not write is unreadable, not empty', async () => {
  const broken = [
    'Package: a\nStatus: install ok splendid\n',
    'Package: a\nStatus: installed\n',
    'Status: install ok installed\n',
    'Package: a\nPackage: b\n',
    'Package a\n',
    'Package: a\nStatus: install ok installed\nArchitecture: all\n',
    // The first file ends in the middle of a line. The second has a block that was not written
    // before a crash.
    paragraph('a', 'install ok installed').slice(0, -4),
    '\0'.repeat(4096),
  ]
  for (const text of broken)
    assert.equal((await resultOf({ status: text })).state, 'unreadable', text)
})

test('dpkg: reads every form of a record that dpkg reads', async () => {
  // dpkg-query 1.21.22 lists each of these packages.
  const odd: Record<string, readonly [text: string, expected: string]> = {
    'status in capitals': [
      'Package: a\nStatus: Install OK Installed\nArchitecture: all\nVersion: 1\n\n',
      'a:all 1',
    ],
    'a blank before the colon': [
      'Package : a\nStatus: install ok installed\nArchitecture: all\nVersion : 1\n\n',
      'a:all 1',
    ],
    'a name in capitals': [
      'Package: Upper\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n',
      'upper:all 1',
    ],
    'a separate revision': [
      'Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nRevision: 7\n\n',
      'a:all 1-7',
    ],
    'an architecture that is none': [
      'Package: a\nStatus: install ok installed\nArchitecture: a b\nVersion: 1\n\n',
      'a:a b 1',
    ],
    'a version without a digit': [
      'Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: abc\n\n',
      'a:all abc',
    ],
    'a size and a priority that are none': [
      `${paragraph('a', 'install ok installed', '1', 'Installed-Size: x\nPriority: odd\n')}`,
      'a:amd64 1',
    ],
  }
  for (const [what, [text, expected]] of Object.entries(odd))
    assert.deepEqual(await listed({ status: text }), [expected], what)
})

test('dpkg: reports a record that dpkg refuses and lists the others', async () => {
  const good = paragraph('good', 'install ok installed')
  const tail = paragraph('tail', 'install ok installed')
  for (const [record, reason] of [
    ['Package: a\nStatus: install ok splendid\nVersion: 1\n\n', /its status is unknown: "install/],
    ['Package: a\nStatus: installed\nVersion: 1\n\n', /its status is unknown/],
    ['Package: a\nStatus: install ok installed\nArchitecture: all\n\n', /without a version/],
    ['Package: a\nVersion: 1\nVersion: 2\n\n', /line \d+ gives version a second time/],
    ['Package: a\nblah\nVersion: 1\n\n', /line \d+ is not a field/],
    ['Package: a\nfi eld: x\nVersion: 1\n\n', /line \d+ is not a field/],
    [`${'\0'.repeat(100)}\nPackage: a\nVersion: 1\n\n`, /line \d+ is not a field/],
  ] as const) {
    const result = await resultOf({ status: `${good}${record}${tail}`, 'info/a.list': '' })
    assert.ok(result.state === 'read', `${record}: ${JSON.stringify(result)}`)
    assert.deepEqual(
      result.packages.map(({ name }) => name),
      ['good', 'tail'],
    )
    assert.match(result.odd.join(), reason)
    assert.match(result.odd.join(), /^a has a record that can't be read: /)
    assert.deepEqual(
      result.doubts.map(({ names, isOdd }) => [[...(names ?? [])], isOdd]),
      [[['a'], true]],
    )
  }
  const unnamed = await resultOf({ status: `${good}Version: 1\n\n` })
  assert.ok(unnamed.state === 'read')
  assert.match(unnamed.odd.join(), /^the record that ends at line 7 has no package name$/)
  assert.deepEqual(unnamed.doubts, [{ reason: unnamed.odd[0] }])
})

test('dpkg: lists and reports a package with more records than dpkg allows', async () => {
  const one = paragraph('a', 'install ok installed', '1')
  const two = paragraph('a', 'install ok installed', '2')
  const result = await resultOf({ status: `${one}${two}` })
  assert.ok(result.state === 'read')
  assert.deepEqual(
    result.packages.map(({ name, version }) => `${name} ${version}`),
    ['a 2'],
  )
  assert.deepEqual(result.odd, ['a has 2 records'])
  const same = 'Multi-Arch: same\n'
  const allowed =
    paragraph('a', 'install ok installed', '1', same) +
    paragraph('a', 'install ok installed', '1', same).replace('amd64', 'i386')
  const both = await resultOf({ status: allowed })
  assert.deepEqual(both.state === 'read' && [both.packages.length, both.odd], [2, []])
})

test('dpkg: lists and reports a package without an architecture', async () => {
  const bare = (name: string, more: string): string =>
    `Package: ${name}\nStatus: install ok installed\n${more}Version: 7.3.7\n\n`
  const status = [
    paragraph('good', 'install ok installed'),
    bare('vendor', ''),
    bare('tools', 'Architecture:\n'),
  ].join('')
  assert.deepEqual(await listed({ status }), ['good:amd64 1-1', 'vendor: 7.3.7', 'tools: 7.3.7'])
  const result = await resultOf({ status })
  assert.deepEqual(result.state === 'read' && result.odd, [
    'vendor has no architecture',
    'tools has no architecture',
  ])
})

test('dpkg: leaves out and reports a package that a set cannot have', async () => {
  const good = paragraph('good', 'install ok installed')
  for (const [name, version, fault] of [
    ['long', `1-${'x'.repeat(600)}`, /^long is left out: its release has 600 characters/],
    ['both', `${'1'.repeat(300)}-${'2'.repeat(300)}`, /^both is left out: its version has 601/],
    ['nul', '1\0', /^nul is left out: its version contains NUL$/],
    ['\u8afe'.repeat(600), '1', /^\u8afe{80}… is left out: its name has 600 characters/],
  ] as const) {
    const result = await resultOf({
      status: good + paragraph(name, 'install ok installed', version),
    })
    assert.ok(result.state === 'read')
    assert.deepEqual(
      result.packages.map((pkg) => pkg.name),
      ['good'],
    )
    assert.match(result.odd.join(), fault)
  }
})

test('dpkg: a status file without most of its records is unreadable', async () => {
  const names = ['a', 'b', 'c', 'd']
  const lists = Object.fromEntries(names.map((name) => [`info/${name}.list`, '/.\n']))
  const whole = names.map((name) => paragraph(name, 'install ok installed')).join('')
  assert.equal((await listed({ ...lists, status: whole }))?.length, 4)
  const cut = whole.slice(0, whole.indexOf('Package: b'))
  for (const [status, reason] of [
    [cut, /^it is cut short, and dpkg keeps the lists of files of 3 packages \(b, c, d\)$/],
    ['', /^it is cut short, and dpkg keeps the lists of files of 4 packages \(a, b, c, …\)$/],
    [undefined, /^there is no such file, and dpkg keeps the lists of files of 4 packages/],
  ] as const) {
    const result = await resultOf({ ...lists, ...(status === undefined ? {} : { status }) })
    assert.ok(result.state === 'unreadable')
    assert.match(result.reason, reason)
  }
})

test('dpkg: a cut status file raises doubts about the missing records', async () => {
  const lists = { 'info/a.list': '', 'info/b:amd64.list': '', 'info/c.list': '' }
  const [a, b] = ['a', 'b'].map((name) => paragraph(name, 'install ok installed'))
  const doubtsOf = async (status: string) => {
    const result = await resultOf({ ...lists, status })
    return result.state === 'read' && result.doubts.map(({ names }) => names && [...names])
  }
  assert.deepEqual(await doubtsOf(`${a}${b}`), [['c']])
  assert.deepEqual(await doubtsOf(`${a}${b}`.slice(0, -1)), [['c'], undefined])
  assert.deepEqual(await doubtsOf(`${a}${b}${paragraph('c', 'deinstall ok config-files')}`), [])
})

test('dpkg: files that are not regular are unreadable and do not block', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'muster-dpkg-'))
  t.after(() => rm(root, { recursive: true }))
  const folder = join(root, 'var/lib/dpkg')
  await mkdir(join(folder, 'updates'), { recursive: true })
  const status = join(folder, 'status')
  const makers = {
    pipe: (path: string) => run('mkfifo', [path]),
    device: (path: string) => symlink('/dev/null', path),
    folder: (path: string) => mkdir(path),
  }
  const seen = async (): Promise<string> => {
    const result = await dpkgCollector.read({ root })
    return result.state === 'unreadable' ? result.reason : result.state
  }
  for (const [what, make] of Object.entries(makers)) {
    await make(status)
    assert.equal(await seen(), 'it is not a regular file', `${what} for status`)
    await rm(status, { recursive: true })
    await writeFile(status, paragraph('bash', 'install ok installed'))
    await make(join(folder, 'updates/0001'))
    assert.equal(await seen(), 'it is not a regular file', `${what} for an update`)
    await rm(join(folder, 'updates/0001'), { recursive: true })
    await rm(status)
  }
})

test('dpkg: reports packages that have a list of files and no record', async () => {
  const files = { 'info/a.list': '', 'info/b.list': '', 'info/lost:amd64.list': '' }
  const status = ['a', 'b'].map((name) => paragraph(name, 'install ok installed')).join('')
  const result = await resultOf({ status, ...files })
  assert.deepEqual(result.state === 'read' && result.odd, [
    'lost has a list of files and no record',
  ])
})

test('dpkg: a file that marks most packages as not installed is unreadable', async () => {
  const files = { 'info/a.list': '', 'info/b.list': '', 'info/c.list': '' }
  const bare = (name: string): string => `Package: ${name}\nArchitecture: amd64\nVersion: 1\n\n`
  const status = ['a', 'b', 'c'].map(bare).join('')
  const result = await resultOf({ status, ...files })
  assert.equal(result.state, 'unreadable', JSON.stringify(result))
})

test('dpkg: any text is parsed or rejected with a reason', () => {
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
          for (const record of parseDpkgStatus(text).records) assert.notEqual(record.name, '')
        } catch (error) {
          assert.equal((error as Error).constructor, Error)
        }
      },
    ),
    { numRuns: 2000 },
  )
})
