/** A configuration loads wholly or not at all. Errors name file, line and key (CC-01, CC-02). */
import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { MusterError } from '../errors.ts'
import { type ConfigDeps, loadConfig } from './load.ts'
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

async function load(text: string, deps: Partial<ConfigDeps> = {}): Promise<Config> {
  return loadConfig({ env: {}, uid, ...deps }, { file: write('config.yaml', text), home })
}

/** Returns the problems of an invalid configuration, without the folder of the home. */
async function problems(text: string, deps: Partial<ConfigDeps> = {}): Promise<string[]> {
  const error = await load(text, deps).then(
    () => assert.fail(`accepted: ${text}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof MusterError, String(error))
  assert.equal(error.exit, 'usage')
  assert.equal(error.code, 'config.invalid')
  return (error.data.problems as readonly string[]).map((line) => line.replaceAll(`${home}/`, ''))
}

const REPOSITORY = 'name: epel9\ntype: rpm\nupstream: { url: "https://mirror.example/epel/9" }\n'

test('config: an empty file means the defaults, with paths below the home', async () => {
  const config = await load('')
  assert.deepEqual(config.download, { workers: 10, retries: 5, timeout: 300 })
  assert.deepEqual(config.listen, ['/ip4/0.0.0.0/tcp/8470'])
  assert.equal(config.http.listen, '127.0.0.1:8480')
  assert.equal(config.gateway.listen, '127.0.0.1:8481')
  assert.equal(config.storage.base_path, home)
  assert.equal(config.database.url, `sqlite://${home}/muster.db`)
  assert.deepEqual(config.repositories, [])
})

test('config: relative paths start from the home, absolute ones stay', async () => {
  write(
    'conf.d/10-a.yaml',
    `${REPOSITORY}publish: { latest_path: www/latest }\n` +
      'credentials: { type: client_cert, cert: c.pem, key: /etc/k.pem }\n',
  )
  const config = await load('storage: { base_path: pool }\ndatabase: { url: "sqlite://db/x.db" }\n')
  assert.equal(config.storage.base_path, join(home, 'pool'))
  assert.equal(config.database.url, `sqlite://${home}/db/x.db`)
  const [repository] = config.repositories
  assert.equal(repository?.publish.latest_path, join(home, 'www/latest'))
  assert.equal(repository?.publish.snapshots_path, join(home, 'publish/epel9/snapshots'))
  assert.deepEqual(repository?.credentials, {
    type: 'client_cert',
    cert: join(home, 'c.pem'),
    key: '/etc/k.pem',
  })
})

test('config: files of conf.d add repositories and override keys, in name order', async () => {
  write('conf.d/20-b.yaml', 'download: { retries: 1 }\nhttp: { listen: "127.0.0.1:2" }\n')
  write('conf.d/10-a.yaml', 'http: { listen: "127.0.0.1:1" }\n')
  write('conf.d/30-epel.yaml', REPOSITORY)
  const config = await load('download: { workers: 3 }\n')
  assert.deepEqual(config.download, { workers: 3, retries: 1, timeout: 300 })
  assert.equal(config.http.listen, '127.0.0.1:2')
  assert.deepEqual(
    config.repositories.map(({ name, enabled, retention }) => ({ name, enabled, ...retention })),
    [{ name: 'epel9', enabled: true, policy: 'mirror', deleted_packages: 'remove' }],
  )
  assert.deepEqual(
    config.files.map((file) => file.slice(home.length + 1)),
    ['config.yaml', 'conf.d/10-a.yaml', 'conf.d/20-b.yaml', 'conf.d/30-epel.yaml'],
  )
})

test('config: signatures are checked by default only if a key is configured', async () => {
  write('conf.d/1.yaml', `${REPOSITORY}rpm: { gpgkey_url: "https://k.example/k" }\n`)
  write('conf.d/2.yaml', REPOSITORY.replace('epel9', 'plain'))
  write(
    'conf.d/3.yaml',
    `${REPOSITORY.replace('epel9', 'off')}rpm: { gpgkey_file: k.asc, repo_gpgcheck: false }\n`,
  )
  const checks = (await load('')).repositories.map(({ name, rpm }) => [
    name,
    rpm.gpgcheck,
    rpm.repo_gpgcheck,
    rpm.gpgkey_file,
  ])
  assert.deepEqual(checks, [
    ['epel9', true, true, undefined],
    ['off', true, false, join(home, 'k.asc')],
    ['plain', false, false, undefined],
  ])
})

test('CC-01: unknown, duplicate and misplaced keys are errors with their place', async () => {
  assert.deepEqual(await problems('downlaod: { workers: 3 }\n'), [
    'config.yaml:1:1 downlaod: unknown key "downlaod"; did you mean "download"?',
  ])
  assert.deepEqual(await problems('download:\n  workers: 3\n  workesr: 4\n'), [
    'config.yaml:3:3 download.workesr: unknown key "workesr"; did you mean "workers"?',
  ])
  assert.deepEqual(
    await problems('http: { listen: "127.0.0.1:1" }\nhttp: { listen: "127.0.0.1:2" }\n'),
    ['config.yaml:2:1: this key is here a second time'],
  )
  assert.match(
    (await problems('colour: red\n'))[0] ?? '',
    /unknown key "colour"; known here: include, storage, /,
  )
  assert.match(
    (await problems('<<: { http: {} }\n'))[0] ?? '',
    /config\.yaml:1:1 <<: unknown key "<<"/,
  )
})

test('CC-01: errors for wrong types and ranges name both values', async () => {
  const cases: Record<string, string> = {
    'download: { workers: many }': '1:22 download.workers: expected a number, got "many"',
    'download: { workers: 0 }': '1:22 download.workers: expected at least 1, got 0',
    'download: { workers: 65 }': '1:22 download.workers: expected at most 64, got 65',
    'download: { workers: 1.5 }': '1:22 download.workers: expected a whole number, got 1.5',
    'download: 3': '1:11 download: expected a map, got 3',
    'download:': '1:10 download: expected a map, got nothing',
    'listen: /ip4/0.0.0.0/tcp/1': '1:9 listen: expected a list, got "/ip4/0.0.0.0/tcp/1"',
    'listen: []': '1:9 listen: expected at least 1 entry, got an empty list',
    'listen: [8470]': '1:10 listen[0]: expected text, got 8470; put it in quotes',
    'listen: ["0.0.0.0:8470"]':
      '1:10 listen[0]: expected a multiaddr with a TCP port, such as /ip4/0.0.0.0/tcp/8470, ' +
      'got "0.0.0.0:8470"',
    'http: { listen: "127.0.0.1" }':
      '1:17 http.listen: expected HOST:PORT, such as 127.0.0.1:8480 or [::1]:8480, got "127.0.0.1"',
    'http: { listen: "[::1]:99999" }':
      '1:17 http.listen: expected HOST:PORT, such as 127.0.0.1:8480 or [::1]:8480, ' +
      'got "[::1]:99999"',
  }
  for (const [text, expected] of Object.entries(cases))
    assert.deepEqual(await problems(text), [`config.yaml:${expected}`], text)
  assert.match(
    (await problems('database: { url: "mysql://x" }'))[0] ?? '',
    /1:18 database\.url: expected sqlite:.* got "mysql:\/\/x"/,
  )
  assert.match(
    (await problems('- a\n- b\n'))[0] ?? '',
    /config\.yaml:1:1: expected a map of keys and values/,
  )
})

test('CC-01: values that YAML 1.1 reads differently are errors', async () => {
  write('conf.d/1.yaml', REPOSITORY.replace('type: rpm', 'type: rpm\nenabled: no'))
  assert.deepEqual(await problems(''), [
    'conf.d/1.yaml:3:10 enabled: expected true or false, got "no"; YAML has only true and false',
  ])
  rmSync(join(home, 'conf.d'), { recursive: true })
  const number = 'expected a plain decimal number'
  for (const text of ['0o17', '0x1f', '017', '+3', '1e3', '.5']) {
    assert.deepEqual(
      await problems(`download: { timeout: ${text} }`),
      [`config.yaml:1:22 download.timeout: ${number}, got ${text}; quote it if it is text`],
      text,
    )
  }
  assert.deepEqual(await problems('download: { timeout: 1_000 }'), [
    'config.yaml:1:22 download.timeout: expected a number, got "1_000"; write digits only',
  ])
  write('conf.d/2.yaml', REPOSITORY.replace('epel9', '1.10'))
  assert.deepEqual(await problems(''), [
    'conf.d/2.yaml:1:7 name: expected text, got 1.1; put it in quotes',
  ])
})

test('CC-01: reports prototype keys, tags, tabs and broken YAML by line', async () => {
  assert.deepEqual(await problems('a: 1\n__proto__: { home: /evil }\n'), [
    'config.yaml:2:1: unknown key "__proto__"',
  ])
  assert.match(
    (await problems('constructor: { prototype: {} }\n'))[0] ?? '',
    /1:1 constructor: unknown key/,
  )
  assert.match(
    (await problems('http:\n\tlisten: x\n'))[0] ?? '',
    /config\.yaml:2:1: expected blanks as indentation, got a tab/,
  )
  assert.match(
    (await problems('http: {}\n---\nhttp: {}\n'))[0] ?? '',
    /config\.yaml:2:1: expected one document/,
  )
  assert.match(
    (await problems('http: !!js/function "x"\n'))[0] ?? '',
    /config\.yaml:1:7: expected a plain value, got one with a tag/,
  )
  assert.match(
    (await problems('http: { listen: "x\n'))[0] ?? '',
    /config\.yaml:\d+:\d+: not valid YAML: /,
  )
  assert.match(
    (await problems('? [a, b]\n: 1\n'))[0] ?? '',
    /config\.yaml:1:3: expected a key of plain text/,
  )
  assert.deepEqual(await problems('include: *.yaml\n'), [
    'config.yaml:1:10 include: there is no &.yaml before this *.yaml; quote it if it is text',
  ])
  assert.equal(({} as Record<string, unknown>).home, undefined)
})

test('CC-01: rejects alias bombs and deep nesting quickly', async () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefghi'
      .split('')
      .map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
  ]
  assert.match((await problems(bomb.join('\n')))[0] ?? '', /expected at most 100 uses of aliases/)
  assert.ok((await problems('['.repeat(200_000))).length > 0)
  assert.ok((await problems(`${'{a: '.repeat(50_000)}`)).length > 0)
})

test('config: one error reports every problem of every file', async () => {
  write('conf.d/1.yaml', REPOSITORY.replace('upstream', 'upstraem'))
  write(
    'conf.d/2.yaml',
    'name: x\ntype: apt\nretention: { policy: newest }\nupstream: { url: "ftp://x" }\n',
  )
  assert.deepEqual(await problems('downlaod: {}\n'), [
    'conf.d/1.yaml:1:1 upstream: expected a map, but it is missing',
    'conf.d/1.yaml:3:1 upstraem: unknown key "upstraem"; did you mean "upstream"?',
    'conf.d/2.yaml:2:7 type: expected rpm, got "apt"',
    'conf.d/2.yaml:4:18 upstream.url: expected an http or https URL, got "ftp://x"',
    'conf.d/2.yaml:3:22 retention.policy: ' +
      'expected one of mirror, newest-only, keep-all, got "newest"',
    'config.yaml:1:1 downlaod: unknown key "downlaod"; did you mean "download"?',
  ])
})

test('config: checks credentials by their type', async () => {
  const refused = async (credentials: string): Promise<string> => {
    write('conf.d/1.yaml', `${REPOSITORY}credentials: ${credentials}\n`)
    return (await problems('')).join('\n')
  }
  assert.match(
    await refused('{ type: client_certs }'),
    new RegExp(
      '1\\.yaml:4:22 credentials\\.type: expected one of none, basic, client_cert, ' +
        'got "client_certs"; did you mean "client_cert"\\?',
    ),
  )
  assert.match(
    await refused('{}'),
    /credentials\.type: expected one of none, basic, client_cert, but it is missing/,
  )
  assert.match(
    await refused('{ type: basic, username: u, pasword: x }'),
    /unknown key "pasword"; did you mean "password"\?/,
  )
  assert.match(
    await refused('{ type: basic, username: u }'),
    /credentials: expected either password or password_file/,
  )
  const wrong = await refused('{ type: basic, username: u, password: 12345678 }')
  assert.match(wrong, /credentials\.password: expected text, got something else; put it in quotes/)
  assert.ok(!wrong.includes('12345678'))
})

test('config: rejects a name that is unsafe in a path, and a duplicate name', async () => {
  for (const name of ['../x', 'a/b', '.hidden', '', 'a b', 'x'.repeat(129)]) {
    write('conf.d/1.yaml', REPOSITORY.replace('epel9', JSON.stringify(name)))
    assert.match((await problems(''))[0] ?? '', /1\.yaml:1:7 name: expected/, name)
  }
  write('conf.d/1.yaml', REPOSITORY)
  write('conf.d/2.yaml', REPOSITORY)
  assert.match(
    (await problems(''))[0] ?? '',
    /2\.yaml:1:7 name: expected a unique name, got "epel9", which .*1\.yaml also has/,
  )
  write('conf.d/2.yaml', REPOSITORY.replace('epel9', 'EPEL9'))
  assert.match(
    (await problems(''))[0] ?? '',
    /2\.yaml:1:7 name: expected a unique name, got "EPEL9", which .*1\.yaml also has in other case/,
  )
})

test('config: rejects checks without a key, bad cron fields, bad fingerprints', async () => {
  write('conf.d/1.yaml', `${REPOSITORY}rpm: { gpgcheck: true }\n`)
  assert.match(
    (await problems(''))[0] ?? '',
    /1\.yaml:4:18 rpm\.gpgcheck: expected false, or a key/,
  )
  for (const [cron, ok] of Object.entries({
    '0 2 * * *': true,
    '*/15 0-6,22 1-31/2 1,12 7': true,
    '60 * * * *': false,
    '* * *': false,
    '*/0 * * * *': false,
    '5-1 * * * *': false,
    '@daily': false,
  })) {
    write('conf.d/1.yaml', `${REPOSITORY}schedule: { cron: ${JSON.stringify(cron)} }\n`)
    if (ok) assert.equal((await load('')).repositories[0]?.schedule?.cron, cron)
    else assert.match((await problems(''))[0] ?? '', /schedule\.cron: expected five crontab fields/)
  }
  write('conf.d/1.yaml', `${REPOSITORY}rpm: { trusted_fingerprints: [D431D51] }\n`)
  assert.match(
    (await problems(''))[0] ?? '',
    /rpm\.trusted_fingerprints\[0\]: expected a whole fingerprint/,
  )
})

test('config: variables become values, never structure', async () => {
  const env = {
    PORT: '9',
    HOSTNAME: 'a.example',
    EVIL: '"]\nhttp: { listen: "0.0.0.0:1" }',
    EMPTY: '',
    W: '4',
    PW: '12345678',
  }
  const config = await load(
    'listen: ["/dns4/${HOSTNAME}/tcp/${PORT}"]\n' +
      'download:\n  workers: ${W}\n  retries: ${NONE:-2}\n' +
      'storage: { base_path: "${EMPTY:-pool}" }\n',
    { env },
  )
  assert.deepEqual(config.listen, ['/dns4/a.example/tcp/9'])
  assert.equal(config.download.workers, 4)
  assert.equal(config.download.retries, 2)
  assert.equal(config.storage.base_path, join(home, 'pool'))
  assert.equal(
    (await load('storage: { base_path: "/x/$${HOME}" }', { env })).storage.base_path,
    '/x/${HOME}',
  )
  assert.equal(
    (await load('storage:\n  base_path: ${EVIL}', { env })).http.listen,
    '127.0.0.1:8480',
  )
  write(
    'conf.d/1.yaml',
    `${REPOSITORY}credentials: { type: basic, username: u, password: "$\{PW}" }\n`,
  )
  const [repository] = (await load('', { env })).repositories
  assert.equal(
    repository?.credentials.type === 'basic' && repository.credentials.password,
    '12345678',
  )
})

test('config: reports an unset variable, a bad reference and a wrong type by line', async () => {
  assert.deepEqual(await problems('storage:\n  base_path: ${POOL}\n'), [
    'config.yaml:2:14 storage.base_path: the environment has no POOL; ' +
      'set it or write ${POOL:-default}',
  ])
  assert.match(
    (await problems('download: { workers: ${W} }'))[0] ?? '',
    /1:23: not valid YAML: .*; inside \{ \} and \[ \] put "\$\{NAME\}" in quotes/,
  )
  assert.match(
    (await problems('storage: { base_path: "${1X}" }'))[0] ?? '',
    /1:23 storage\.base_path: expected \$\{NAME\}/,
  )
  assert.deepEqual(await problems('download: { workers: "${W}" }', { env: { W: 'six' } }), [
    'config.yaml:1:22 download.workers: expected a number, got "six"',
  ])
  assert.deepEqual(await problems('download: { workers: "${W}" }', { env: { W: '99' } }), [
    'config.yaml:1:22 download.workers: expected at most 64, got "99"',
  ])
})

test('config: passes secrets to the redactor', async () => {
  const secrets: string[] = []
  write(
    'conf.d/1.yaml',
    `${REPOSITORY}credentials: { type: basic, username: u, password: canary-1 }\n`,
  )
  await load('database: { url: "postgresql://u:canary%2D2@db/muster" }\n', {
    protect: (secret) => secrets.push(secret),
  })
  assert.deepEqual(secrets.filter(Boolean).sort(), ['canary%2D2', 'canary-1', 'canary-2'])
})

test('CC-02: includes only regular .yaml files of this user, in name order', async () => {
  write('conf.d/10-a.yaml', 'http: { listen: "127.0.0.1:1" }\n')
  for (const name of [
    '10-a.yaml.rpmsave',
    '10-a.yaml~',
    '.10-a.yaml.swp',
    '20-b.yml',
    '30-c.yaml.rpmnew',
  ])
    write(`conf.d/${name}`, 'http: { listen: "127.0.0.1:2" }\n')
  for (const pattern of ['conf.d/*.yaml', 'conf.d/*']) {
    const config = await load(`include: ${JSON.stringify(pattern)}\n`)
    assert.deepEqual(config.files.slice(1), [join(home, 'conf.d/10-a.yaml')])
  }
})

test('CC-02: rejects a link, a folder, a world-writable file and a foreign file', async () => {
  const refused = async (): Promise<string> => {
    const error = await load('').then(
      () => assert.fail('accepted'),
      (thrown: unknown) => thrown as MusterError,
    )
    assert.equal(error.code, 'config.unsafe')
    assert.equal(error.exit, 'usage')
    assert.ok(error.message.includes(join(home, 'conf.d/1.yaml')), error.message)
    rmSync(join(home, 'conf.d'), { recursive: true })
    return error.message
  }
  const target = write('elsewhere.txt', 'http: { listen: "0.0.0.0:1" }\n')
  mkdirSync(join(home, 'conf.d'))
  symlinkSync(target, join(home, 'conf.d/1.yaml'))
  assert.match(await refused(), /it is a symbolic link/)
  mkdirSync(join(home, 'conf.d/1.yaml'), { recursive: true })
  assert.match(await refused(), /it is a folder/)
  chmodSync(write('conf.d/1.yaml', ''), 0o666)
  assert.match(await refused(), /all users may write it/)
  write('conf.d/1.yaml', 'x'.repeat(1024 * 1024 + 1))
  assert.match(await refused(), /1048577 bytes, expected at most 1048576/)
  if (uid !== 0) return
  chownSync(write('conf.d/1.yaml', ''), 65_534, 65_534)
  assert.match(await refused(), /it belongs to user 65534, expected root or user 0/)
})

test('config: reports a missing file, a bad encoding and a nested include', async () => {
  const missing = loadConfig({ env: {}, uid }, { file: join(home, 'none.yaml'), home })
  await assert.rejects(
    missing,
    (error) =>
      error instanceof MusterError &&
      /can't read .*none\.yaml: there is no such file/.test(error.message),
  )
  const latin1 = join(home, 'latin1.yaml')
  writeFileSync(latin1, Buffer.from([0x61, 0xe9]))
  await assert.rejects(
    loadConfig({ env: {}, uid }, { file: latin1, home }),
    (error) => error instanceof MusterError && /is not UTF-8/.test(error.message),
  )
  write('conf.d/1.yaml', 'include: more/*.yaml\n')
  assert.deepEqual(await problems(''), [
    'conf.d/1.yaml:1:1 include: expected only in the main file',
  ])
})

test('config: reports a problem of a merged key in the file that set it last', async () => {
  write('conf.d/1.yaml', 'download:\n  workers: 0\n')
  assert.deepEqual(await problems('download: { workers: 3, retries: 1 }\n'), [
    'conf.d/1.yaml:2:12 download.workers: expected at least 1, got 0',
  ])
})

test('config: any text yields a configuration or a Muster error', async () => {
  const piece = fc.constantFrom(
    'download',
    'http',
    'listen',
    ': ',
    '{',
    '}',
    '[',
    ']',
    '\n',
    '  ',
    '- ',
    '"',
    "'",
    '&a',
    '*a',
    '${',
    '}',
    '!',
    '#',
    '|',
    '>',
    '0',
    'null',
    '?',
    ',',
    '\t',
    '%',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
      ),
      async (text) => {
        const error = await load(text).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        assert.ok(
          error === undefined ||
            (error instanceof MusterError && /config\.yaml:\d+:\d+/.test(error.message)),
          String(error),
        )
      },
    ),
    { numRuns: 300 },
  )
})
