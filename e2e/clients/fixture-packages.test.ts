/** Checks the packages and repositories of fixtures/rpm with rpm, createrepo_c, dnf and zypper. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { MetadataFile, WrittenRepository } from '../../fixtures/rpm/repository.ts'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import { samplePackages } from '../../fixtures/rpm/sample.ts'
import type { PackageSpec } from '../../fixtures/rpm/spec.ts'
import { clientRoot, runClient } from './client-root.ts'

/**
 * Packages with features that the sample repository lacks: shell scripts, many files, dependencies
 * and changes. They can't be installed in an empty root.
 */
const further: readonly PackageSpec[] = [
  {
    name: 'scripts',
    version: '1',
    release: '1',
    scripts: {
      preInstall: 'true',
      postInstall: 'true',
      preUninstall: 'true',
      postUninstall: 'true',
    },
    requires: [
      '/bin/sh',
      '/usr/bin/scripts',
      '/opt/elsewhere',
      'scripts = 1',
      'scripts',
      'b',
      'b >= 5~rc1',
      'a < 1',
      'a <= 1:2-3',
      'a > 4',
      'b = 5~rc1',
    ],
    provides: ['b = 5~rc1', 'quoted("&<>") = 1'],
    files: [
      { path: '/usr/bin/scripts' },
      { path: '/opt/elsewhere' },
      { path: '/usr/lib/sendmail', linkTo: '../sbin/mail' },
    ],
  },
  {
    name: 'many',
    version: '1',
    release: '1',
    epoch: 3,
    files: Array.from({ length: 3000 }, (_, i) => ({
      path: `/usr/share/many/d${i % 30}/f${i}`,
      content: `${i}`,
    })),
    changelog: Array.from({ length: 14 }, (_, i) => ({
      time: 1_700_000_000 - i * 86_400,
      author: `A & B <ab@muster.invalid> - ${i}`,
      text: `- ${i}\n- <b>`,
    })),
  },
]

let repository: WrittenRepository
const packagePath = (name: string): string =>
  join(
    repository.folder,
    repository.packages.find(({ spec }) => spec.name === name)?.href as string,
  )
const packagePaths = (): string[] =>
  repository.packages.map(({ href }) => join(repository.folder, href))

before(async () => {
  repository = await writeRepository(mkdtempSync(join(tmpdir(), 'muster-fixture-packages-')), [
    ...samplePackages,
    ...further,
  ])
})
after(() => rmSync(repository.folder, { recursive: true, force: true }))

test('rpm -K accepts every digest of every fixture package', () => {
  const { status, stdout, said } = runClient('rpm', ['-K', ...packagePaths()])
  assert.equal(status, 0, said)
  assert.equal(stdout.match(/: digests OK$/gm)?.length, repository.packages.length, said)
})

test('rpm reads the fields and files of a fixture package', () => {
  const { stdout: fields } = runClient('rpm', [
    '-qp',
    '--qf',
    '%{NEVRA} %{BUILDTIME} %{SOURCERPM} %{PAYLOADCOMPRESSOR}',
    packagePath('many'),
  ])
  assert.equal(fields, 'many-3:1-1.noarch 1700000000 many-1-1.src.rpm gzip')
  const { stdout: files } = runClient('rpm', ['-qlp', packagePath('harbor-doc')])
  assert.deepEqual(
    files.trimEnd().split('\n').sort(),
    samplePackages
      .find(({ name }) => name === 'harbor-doc')
      ?.files?.map(({ path }) => path)
      .sort(),
  )
  assert.equal(
    runClient('rpm', ['-qlp', packagePath('many')])
      .stdout.trimEnd()
      .split('\n').length,
    3000,
  )
})

test('createrepo_c writes the same metadata byte for byte', () => {
  const out = mkdtempSync(join(tmpdir(), 'muster-createrepo-'))
  try {
    const args = [
      '--quiet',
      '--no-database',
      '--revision',
      `${repository.revision}`,
      '--set-timestamp-to-revision',
      '--simple-md-filenames',
      '-o',
      out,
    ]
    const { status, said } = runClient('createrepo_c', [...args, repository.folder])
    assert.equal(status, 0, said)
    const ours = (type: MetadataFile['type']): string =>
      join(
        repository.folder,
        repository.metadata.find((file) => file.type === type)?.href as string,
      )
    for (const type of ['primary', 'filelists', 'other'] as const) {
      const theirs = gunzipSync(readFileSync(join(out, `repodata/${type}.xml.gz`))).toString()
      const line = firstDifference(gunzipSync(readFileSync(ours(type))).toString(), theirs)
      assert.equal(line, undefined, `${type}: ${line}`)
    }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
})

/**
 * Returns the first line in which two texts differ. The whole texts would be too long for a
 * message.
 */
function firstDifference(ours: string, theirs: string): string | undefined {
  const [a, b] = [ours.split('\n'), theirs.split('\n')]
  const i = a.findIndex((line, n) => line !== b[n])
  return ours === theirs ? undefined : `line ${i + 1}: ours ${a[i]}, theirs ${b[i]}`
}

test('dnf installs from the fixture repository, and rpm verifies every file', () => {
  using client = clientRoot()
  client.use(`file://${repository.folder}`)
  const { status, said } = client.dnf(
    'install',
    'harbor',
    'Lighthouse_Tool',
    'libstdc++-harbor',
    'harbor-charts',
    'harbor-release',
  )
  assert.equal(status, 0, said)
  const installed = [
    'Lighthouse_Tool',
    'harbor',
    'harbor-charts',
    'harbor-doc',
    'harbor-libs',
    'harbor-release',
    'libstdc++-harbor',
  ]
  assert.deepEqual(
    client.rpm('-qa', '--qf', '%{NAME}\n').stdout.trimEnd().split('\n').sort(),
    installed,
  )
  assert.equal(client.rpm('-q', '--qf', '%{VERSION}', 'harbor').stdout, '1.1')
  const verified = client.rpm('-Va')
  assert.deepEqual([verified.status, verified.stdout], [0, ''], verified.said)
})

test('dnf downgrades to the older version, and finds a package by a file', () => {
  using client = clientRoot()
  client.use(`file://${repository.folder}`)
  assert.equal(client.dnf('install', '--setopt=install_weak_deps=0', 'harbor').status, 0)
  const { status, said } = client.dnf('downgrade', 'harbor')
  assert.equal(status, 0, said)
  assert.equal(client.rpm('-q', '--qf', '%{VERSION}', 'harbor').stdout, '1.0')
  assert.match(client.dnf('provides', '/usr/share/many/d29/f2999').stdout, /many-3:1-1\.noarch/)
})

test('zypper installs from the fixture repository', () => {
  using client = clientRoot()
  client.use(`file://${repository.folder}`)
  const { said } = client.zypper('install', '--no-recommends', 'anchor')
  assert.deepEqual(
    client.rpm('-qa', '--qf', '%{NAME}-%{VERSION}\n').stdout.trimEnd().split('\n').sort(),
    ['anchor-0.9', 'harbor-1.0', 'harbor-libs-1.0'],
    said,
  )
})
