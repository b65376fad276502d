import assert from 'node:assert/strict'
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../../shared/clock.ts'
import { systemRandom } from '../../../shared/random.ts'
import { ownHref } from '../model/href.ts'
import { baseAddress } from './address.ts'
import { openConnection } from './connection.ts'
import { type Credentials, loadCredentials } from './credentials.ts'
import { testServer } from './testing.ts'
import { createUpstream } from './upstream.ts'

const FIXTURES = new URL('../../../fixtures/tls/', import.meta.url).pathname
const fixture = (name: string): string => join(FIXTURES, name)
const deps = { clock: systemClock }
let folder = ''
const key = (): string => join(folder, 'client.key')

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-credentials-'))
  await copyFile(fixture('client.key'), key())
  await chmod(key(), 0o600)
})
after(() => rm(folder, { recursive: true, force: true }))

const serverTls = async (name: string) => ({
  key: await readFile(fixture(`${name}.key`)),
  cert: await readFile(fixture(`${name}.pem`)),
  ca: await readFile(fixture('ca.pem')),
})

async function fetchOver(url: string, credentials: Credentials): Promise<string> {
  const base = baseAddress('test', url)
  const connection = openConnection({ base, credentials, connections: 2, idleMs: 3000 })
  try {
    const upstream = createUpstream(
      { connection, clock: systemClock, random: systemRandom },
      { base, retries: 0, idleMs: 3000 },
    )
    const file = await upstream.small(ownHref('file'), {
      maxBytes: 1000,
      signal: systemClock.timeout(5000),
    })
    return typeof file === 'string' ? file : file.bytes.toString()
  } finally {
    await connection.close()
  }
}

test('client certificates: an upstream that requires one receives it', async () => {
  const tls = { ...(await serverTls('server')), requestCert: true, rejectUnauthorized: true }
  await using server = await testServer((request, response) => {
    const { subject } = (request.socket as import('node:tls').TLSSocket).getPeerCertificate()
    response.end(String(subject.CN))
  }, tls)
  const credentials = await loadCredentials(deps, {
    type: 'client_cert',
    cert: fixture('client.pem'),
    key: key(),
    ca_cert: fixture('ca.pem'),
  })
  assert.deepEqual(credentials.notices, [])
  assert.equal(await fetchOver(server.url, credentials), 'client')
  const without = { ca: credentials.ca as string, notices: [] }
  await assert.rejects(fetchOver(server.url, without), { code: /^mirror\.(tls|unreachable)$/ })
})

test('RS-30: rejects a server with an invalid certificate, with the reason', async () => {
  const ca = await readFile(fixture('ca.pem'), 'utf8')
  const cases: [string, string | undefined, RegExp][] = [
    ['server-expired', ca, /has expired/],
    ['server-wrong-name', ca, /for another name/],
    ['server-stranger', ca, /authority that is not known/],
    ['server', undefined, /authority that is not (known|trusted)/],
  ]
  for (const [name, trusted, reason] of cases) {
    await using server = await testServer(
      (_request, response) => void response.end('x'),
      await serverTls(name),
    )
    await assert.rejects(
      fetchOver(server.url, { ...(trusted === undefined ? {} : { ca: trusted }), notices: [] }),
      { code: 'mirror.tls', message: reason },
      name,
    )
  }
})

test('RS-30: rejects TLS 1.1 and older', async () => {
  const tls = {
    ...(await serverTls('server')),
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  } as const
  await using server = await testServer((_request, response) => void response.end('x'), tls)
  await assert.rejects(
    fetchOver(server.url, { ca: await readFile(fixture('ca.pem'), 'utf8'), notices: [] }),
    {
      code: /^mirror\.(tls|unreachable)$/,
    },
  )
})

test('RS-25: never sends a client certificate to another origin', async () => {
  const tls = { ...(await serverTls('server')), requestCert: true, rejectUnauthorized: false }
  let shown: unknown
  await using other = await testServer((request, response) => {
    shown = (request.socket as import('node:tls').TLSSocket).getPeerCertificate()
    response.end('other')
  }, tls)
  await using server = await testServer(
    (_request, response) => void response.writeHead(302, { location: other.url }).end(),
    tls,
  )
  const credentials = await loadCredentials(deps, {
    type: 'client_cert',
    cert: fixture('client.pem'),
    key: key(),
    ca_cert: fixture('ca.pem'),
  })
  // The system's authorities don't include the one of the fixtures. So the handshake with the other
  // origin fails.
  await assert.rejects(fetchOver(server.url, credentials), { code: 'mirror.tls' })
  assert.equal(shown, undefined)
})

test('RS-26: two repositories on one host never share a connection', async () => {
  const tls = { ...(await serverTls('server')), requestCert: true, rejectUnauthorized: false }
  const seen: string[] = []
  await using server = await testServer((request, response) => {
    const certificate = (request.socket as import('node:tls').TLSSocket).getPeerCertificate()
    seen.push(String(certificate.subject?.CN ?? 'nobody'))
    response.end('x')
  }, tls)
  const ca = await readFile(fixture('ca.pem'), 'utf8')
  const known = await loadCredentials(deps, {
    type: 'client_cert',
    cert: fixture('client.pem'),
    key: key(),
    ca_cert: fixture('ca.pem'),
  })
  await Promise.all([
    fetchOver(server.url, known),
    fetchOver(server.url, { ca, notices: [] }),
    fetchOver(server.url, known),
  ])
  assert.deepEqual(seen.sort(), ['client', 'client', 'nobody'])
})

test('RS-29: checks certificates before the first request', async () => {
  const config = { type: 'client_cert', cert: fixture('client.pem'), key: key() } as const
  await assert.rejects(
    loadCredentials(deps, {
      ...config,
      cert: fixture('client-expired.pem'),
      key: fixture('client-expired.key'),
    }),
    {
      code: 'mirror.credentials',
      message: /client-expired\.pem.*expired at 2021-01-01T00:00:00\.000Z/,
    },
  )
  await assert.rejects(
    loadCredentials(deps, { ...config, cert: fixture('server.pem') }),
    /is not the key of/,
  )
  await assert.rejects(
    loadCredentials(deps, { ...config, cert: join(folder, 'none.pem') }),
    /none\.pem.*ENOENT/,
  )
  await writeFile(join(folder, 'junk.pem'), 'junk')
  await assert.rejects(
    loadCredentials(deps, { ...config, cert: join(folder, 'junk.pem') }),
    /not a readable PEM/,
  )
  const dates = { validTo: Date.UTC(2120, 0, 1) }
  const soon = { clock: { ...systemClock, now: () => dates.validTo - 3 * 86_400_000 } }
  assert.match(
    (await loadCredentials(soon, config)).notices.join(),
    /client\.pem expires at 2120-01-01/,
  )
  const early = { clock: { ...systemClock, now: () => 0 } }
  await assert.rejects(loadCredentials(early, config), /valid only from 2020/)
  const open = join(folder, 'open.key')
  await copyFile(key(), open)
  await chmod(open, 0o644)
  assert.match(
    (await loadCredentials(deps, { ...config, key: open })).notices.join(),
    /others can read; chmod 0600/,
  )
})

test('reads basic credentials from the configuration or the first line of a file', async () => {
  assert.equal(
    (await loadCredentials(deps, { type: 'basic', username: 'u', password: 'p:w' })).authorization,
    `Basic ${btoa('u:p:w')}`,
  )
  const file = join(folder, 'password')
  await writeFile(file, 'secret\nrest\n')
  assert.equal(
    (await loadCredentials(deps, { type: 'basic', username: 'u', password_file: file }))
      .authorization,
    `Basic ${btoa('u:secret')}`,
  )
  await writeFile(file, '')
  await assert.rejects(
    loadCredentials(deps, { type: 'basic', username: 'u', password_file: file }),
    /the password, is empty/,
  )
})

test('rejects an upstream address with credentials or a query', () => {
  assert.equal(baseAddress('r', 'https://host/a/b').href, 'https://host/a/b/')
  assert.throws(() => baseAddress('r', 'https://u:p@host/'), {
    code: 'mirror.unsupported',
    message: /move them to credentials/,
  })
  assert.throws(() => baseAddress('r', 'https://host/?token=1'), { code: 'mirror.unsupported' })
})
