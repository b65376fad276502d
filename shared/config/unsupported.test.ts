/** Configurations that are rejected: unsupported settings, bad addresses, shared publish paths. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { MusterError } from '../errors.ts'
import { loadConfig } from './load.ts'
import type { Config } from './schema.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'muster-config-'))
})
afterEach(() => rmSync(home, { recursive: true }))

const uid = process.getuid?.() ?? 0

function write(name: string, text: string): string {
  const file = join(home, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

async function load(text: string): Promise<Config> {
  return loadConfig({ env: {}, uid }, { file: write('config.yaml', text), home })
}

/** Returns the problems of an invalid configuration, without the folder of the home. */
async function problems(text: string): Promise<string[]> {
  const error = await load(text).then(
    () => assert.fail(`accepted: ${text}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof MusterError, String(error))
  assert.equal(error.exit, 'usage')
  assert.equal(error.code, 'config.invalid')
  return (error.data.problems as readonly string[]).map((line) => line.replaceAll(`${home}/`, ''))
}

const REPOSITORY = 'name: epel9\ntype: rpm\nupstream: { url: "https://mirror.example/epel/9" }\n'

test('config: accepts only addresses that a node can listen on', async () => {
  const good = [
    '/ip4/0.0.0.0/tcp/0',
    '/ip4/192.0.2.7/tcp/65535',
    '/ip6/::/tcp/8470',
    '/ip6/2001:db8::1/tcp/1',
    '/dns4/a.example/tcp/1',
  ]
  assert.deepEqual((await load(`listen: ${JSON.stringify(good)}`)).listen, good)
  const bad = [
    '/ip4/300.0.0.1/tcp/0',
    '/ip4/a.example/tcp/0',
    '/ip6/::1%eth0/tcp/0',
    '/ip4/127.0.0.1/tcp/65536',
    '/ip4/127.0.0.1/udp/1',
    '/ip4/127.0.0.1',
    '/ip4/127.0.0.1/tcp/0/ws',
    '/unix/run/muster.sock',
  ]
  for (const address of bad)
    assert.match(
      (await problems(`listen: ["${address}"]`))[0] ?? '',
      /1:10 listen\[0\]: expected a multiaddr/,
      address,
    )
})

test('config: lists unsupported settings with their position, and nothing else', async () => {
  const ask = async (text: string, name = 'epel9') => {
    write('conf.d/10-a.yaml', `name: ${name}\ntype: rpm\n${text}`)
    const { unsupported } = await load('')
    assert.deepEqual(unsupported.settings, [])
    return unsupported.repositories.map((line) =>
      line.replaceAll(`${home}/conf.d/`, '').replace(/ (\S+): .*/, ' $1'),
    )
  }
  const upstream = 'upstream: { url: "https://m.example/" }\n'
  const cases: Record<string, string[]> = {
    '': [],
    'rpm: { gpgcheck: false, repo_gpgcheck: false, gpgkey_url: "https://k.example/k" }': [],
    'retention: { policy: mirror, deleted_packages: remove }': [],
    'retention: { policy: keep-all, deleted_packages: keep }': [],
    'enabled: false\nschedule: { cron: "0 2 * * *" }': [],
    'schedule: { cron: "0 2 * * *", create_snapshot: true }': ['10-a.yaml:4:11 schedule'],
    'rpm: { architectures: [x86_64] }': ['10-a.yaml:4:23 rpm.architectures'],
    // The setting may be implied: configuring a key enables the check.
    'rpm: { gpgkey_file: k.asc }': [
      '10-a.yaml:4:6 rpm.gpgcheck',
      '10-a.yaml:4:6 rpm.repo_gpgcheck',
    ],
    ['rpm: { repo_gpgcheck: false, ' +
      'trusted_fingerprints: ["0123456789abcdef0123456789abcdef01234567"] }']: [
      '10-a.yaml:4:6 rpm.gpgcheck',
    ],
  }
  for (const [text, expected] of Object.entries(cases))
    assert.deepEqual(await ask(`${upstream}${text}\n`), expected, text)
  for (const url of [
    'https://u:canary@m.example/',
    'https://m.example/?token=canary',
    'https://m.example/#x',
  ])
    assert.deepEqual(await ask(`upstream: { url: "${url}" }\n`), ['10-a.yaml:3:18 upstream.url'])
  const { unsupported } = await load('database: { url: "postgresql://u:canary@h/d" }')
  assert.match(
    unsupported.settings.join(),
    /config\.yaml:1:18 database\.url: PostgreSQL isn't supported yet/,
  )
  assert.doesNotMatch(JSON.stringify(unsupported), /canary/)
})

test('config: rejects two repositories with one publish path', async () => {
  write('conf.d/10-a.yaml', `${REPOSITORY}publish: { latest_path: www/latest }\n`)
  write(
    'conf.d/20-b.yaml',
    `${REPOSITORY.replace('epel9', 'epel10')}publish: { latest_path: "${home}/www/latest" }\n`,
  )
  const found = await problems('')
  assert.equal(found.length, 1)
  assert.match(
    found[0] ?? '',
    new RegExp(
      'conf\\.d/.*-[ab]\\.yaml:4:25 publish\\.latest_path: ' +
        'expected a unique path, got www/latest, which conf\\.d/.* also has',
    ),
  )
  write(
    'conf.d/20-b.yaml',
    `${REPOSITORY.replace('epel9', 'epel10')}publish: { snapshots_path: www/latest }\n`,
  )
  assert.match((await problems('')).join(), /expected a unique path/)
  write(
    'conf.d/20-b.yaml',
    `${REPOSITORY.replace('epel9', 'epel10')}` +
      'credentials: { type: basic, username: "a:b", password: x }\n',
  )
  assert.match(
    (await problems('')).join(),
    /credentials\.username: expected a user name without a colon/,
  )
})
