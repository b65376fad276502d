/** Compares the agent's collectors and version order with rpm and dpkg-query on real databases. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { dpkgCollector } from '../../agent/facts/collectors/dpkg/collect.ts'
import { readRpmDatabase } from '../../agent/facts/collectors/rpm/database.ts'
import { queryRpm } from '../../agent/facts/collectors/rpm/query.ts'
import { sampleRepository } from '../../fixtures/rpm/sample.ts'
import type { FactPackage } from '../../shared/facts/package-set.ts'
import { formatEvr, parseEvr } from '../../shared/packages/evr.ts'
import { compareEvr, compareVersions } from '../../shared/packages/rpm-version.ts'
import { clientRoot, runClient } from './client-root.ts'

const lines = (packages: readonly FactPackage[]): string[] =>
  packages.map((pkg) => `${pkg.name} ${formatEvr(pkg)} ${pkg.arch}`).sort()

test('facts of dpkg equal the installed packages of dpkg-query', async () => {
  const { stdout } = runClient('dpkg-query', [
    '-W',
    '-f',
    '${db:Status-Status} ${Package} ${Version} ${Architecture}\n',
  ])
  const expected = stdout
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(not-installed|config-files) /.test(line))
  assert.ok(expected.length > 50)
  const result = await dpkgCollector.read({ root: '/' })
  assert.deepEqual(
    lines(result.state === 'read' ? result.packages : []),
    expected.map((line) => line.slice(line.indexOf(' ') + 1)).sort(),
  )
})

test('facts of rpm equal the list of rpm, read directly and by query', async () => {
  using client = clientRoot()
  const folder = mkdtempSync(join(tmpdir(), 'muster-facts-'))
  try {
    await sampleRepository(folder)
    client.use(`file://${folder}`)
    const { status, said } = client.dnf(
      'install',
      'harbor',
      'Lighthouse_Tool',
      'libstdc++-harbor',
      'harbor-charts',
      'harbor-release',
    )
    assert.equal(status, 0, said)
    const database = join(client.root, 'var/lib/rpm')
    const expected = client
      .rpm('-qa', '--qf', '%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{ARCH}\n')
      .stdout.trimEnd()
      .split('\n')
      .sort()
    assert.equal(expected.length, 7)
    const zeroed = expected.map((line) => line.replace(' 0:', ' '))
    assert.deepEqual(
      lines((await readRpmDatabase(join(database, 'rpmdb.sqlite'))).packages),
      zeroed,
    )
    assert.deepEqual(lines((await queryRpm({ program: 'rpm', folder: database })).packages), zeroed)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('versions compare as in the installed rpm', () => {
  const version = fc.string({
    unit: fc.constantFrom(...'00129aZrc.~^_+'),
    minLength: 1,
    maxLength: 8,
  })
  const pairs = fc.sample(fc.tuple(version, version), { numRuns: 300, seed: 20_261_121 })
  const evrs = fc.sample(
    fc.tuple(fc.nat({ max: 3 }), version, version, fc.nat({ max: 3 }), version, version),
    {
      numRuns: 100,
      seed: 20_261_121,
    },
  )
  const all = [
    ...pairs,
    ...evrs.map(([e, v, r, f, w, s]) => [`${e}:${v}-${r}`, `${f}:${w}-${s}`] as const),
  ]
  const calls = all
    .map(([a, b]) => `print(select(2, pcall(rpm.vercmp, "${a}", "${b}")), "\\n")`)
    .join(' ')
  const answers = runClient('rpm', ['--eval', `%{lua: ${calls}}`])
    .stdout.trim()
    .split(/\s+/)
  assert.equal(answers.length, all.length)
  for (const [i, [a, b]] of all.entries()) {
    const ours = i < pairs.length ? compareVersions(a, b) : compareEvr(parseEvr(a), parseEvr(b))
    assert.equal(ours, Number(answers[i]), `${a} and ${b}`)
  }
})
