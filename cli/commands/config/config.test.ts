/** `muster config validate` and `show`: the chosen file, the reported problems, masked secrets. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runMuster } from '../../testing/run-muster.ts'

let home = ''
before(() => {
  home = mkdtempSync(join(tmpdir(), 'muster-cli-config-'))
  mkdirSync(join(home, 'conf.d'))
  writeFileSync(
    join(home, 'config.yaml'),
    'database: { url: "postgresql://m:canary-in-url@db/muster" }\n',
  )
  const repository =
    'name: epel9\ntype: rpm\nupstream: { url: "https://m.example/" }\n' +
    'credentials: { type: basic, username: u, password: canary-in-field }\n'
  writeFileSync(join(home, 'conf.d/10-epel9.yaml'), repository)
})
after(() => rmSync(home, { recursive: true }))

test('config validate: lists the valid files and repositories', async () => {
  const file = join(home, 'good.yaml')
  writeFileSync(file, 'http: {}\n')
  const { code, stdout, stderr } = await runMuster(
    ['config', 'validate', '-o', 'json', '--config', file],
    { MUSTER_HOME: home },
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), {
    valid: true,
    files: [file, join(home, 'conf.d/10-epel9.yaml')],
    repositories: ['epel9'],
  })
})

test('config validate: rejects unsupported settings with their line; doctor warns', async (t) => {
  const other = mkdtempSync(join(tmpdir(), 'muster-cli-unsupported-'))
  t.after(() => rmSync(other, { recursive: true }))
  mkdirSync(join(other, 'conf.d'))
  writeFileSync(join(other, 'config.yaml'), '')
  const file = join(other, 'conf.d/epel9.yaml')
  writeFileSync(
    file,
    'name: epel9\ntype: rpm\nupstream: { url: "https://m.example/" }\n' +
      'schedule: { cron: "0 2 * * *" }\n',
  )
  const validate = await runMuster(['config', 'validate'], { MUSTER_HOME: other })
  assert.deepEqual([validate.code, validate.stdout], [2, ''])
  assert.match(
    validate.stderr,
    /^muster: error: .*epel9\.yaml:4:11 schedule: this version starts no syncs; .*cron/,
  )
  const doctor = await runMuster(['doctor', '-o', 'json'], { MUSTER_HOME: other })
  const row = (
    JSON.parse(doctor.stdout) as { check: string; status: string; detail: string }[]
  ).find(({ check }) => check === 'config')
  assert.deepEqual([row?.status, /schedule: this version/.test(row?.detail ?? '')], ['warn', true])
  const postgres = await runMuster(['config', 'validate'], { MUSTER_HOME: home })
  assert.equal(postgres.code, 2)
  assert.match(postgres.stderr, /config\.yaml:1:18 database\.url: PostgreSQL isn't supported yet/)
  assert.doesNotMatch(postgres.stderr, /canary/)
  const run = await runMuster(['coordinator', 'run'], { MUSTER_HOME: home })
  assert.equal(run.code, 2)
  assert.match(run.stderr, /PostgreSQL isn't supported yet/)
  assert.equal(
    (await runMuster(['config', 'show'], { MUSTER_HOME: other })).stdout.includes('unsupported:'),
    false,
  )
})

test('config validate: --config overrides MUSTER_CONFIG; problems have file and line', async () => {
  const bad = join(home, 'bad.txt')
  writeFileSync(bad, 'http: {}\ndownlaod: {}\nlisten: 3\n')
  const byFlag = await runMuster(['config', 'validate', '--config', bad], {
    MUSTER_HOME: home,
    MUSTER_CONFIG: join(home, 'none.yaml'),
  })
  assert.equal(byFlag.code, 2)
  assert.equal(byFlag.stdout, '')
  const [first, second, third, hint] = byFlag.stderr.split('\n')
  assert.equal(first, 'muster: error: 2 problems in the configuration')
  assert.equal(second, `  ${bad}:3:9 listen: expected a list, got 3`)
  assert.equal(third, `  ${bad}:2:1 downlaod: unknown key "downlaod"; did you mean "download"?`)
  assert.match(hint ?? '', /^muster: hint: /)
  const byVariable = await runMuster(['config', 'validate'], {
    MUSTER_HOME: home,
    MUSTER_CONFIG: join(home, 'none.yaml'),
  })
  assert.deepEqual(
    [byVariable.code, /none\.yaml: there is no such file/.test(byVariable.stderr)],
    [2, true],
  )
})

test('config validate: without a configuration the error names the searched paths', async () => {
  const { code, stderr } = await runMuster(['config', 'validate', '--home', join(home, 'nowhere')])
  assert.equal(code, 2)
  assert.match(
    stderr,
    /there is no configuration: looked for .*nowhere\/config\.yaml and \/etc\/muster\/config\.yaml/,
  )
})

test('CC-04: config show masks every secret, in YAML and in JSON', async () => {
  for (const format of ['table', 'yaml', 'json']) {
    const { code, stdout, stderr } = await runMuster(['config', 'show', '-o', format, '-v'], {
      MUSTER_HOME: home,
    })
    assert.equal(code, 0, stderr)
    assert.match(stdout, /"?password"?: "?\[secret\]/)
    assert.match(stdout, /postgresql:\/\/m:\[secret\]@db\/muster/)
    assert.doesNotMatch(stdout + stderr, /canary/)
  }
})
