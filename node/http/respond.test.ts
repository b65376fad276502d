import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import { resolveInFolder } from './folder.ts'
import { listen, type WebServer } from './listen.ts'
import { respond } from './respond.ts'

const logged: string[] = []
const log: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (_data, message) => void logged.push(message),
  child: () => log,
}
const BYTES = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index & 0xff))
let root = ''
let server: WebServer
let special: Server

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'muster-http-'))
  await mkdir(join(root, 'tree/Packages'), { recursive: true })
  await mkdir(join(root, 'tree/.git'))
  await writeFile(join(root, 'secret'), 'secret')
  await writeFile(join(root, 'tree/empty'), '')
  await writeFile(join(root, 'tree/Packages/a & b#1 %41?漢.rpm'), BYTES)
  await symlink('../secret', join(root, 'tree/link'))
  await symlink('..', join(root, 'tree/up'))
  special = createServer().listen(join(root, 'tree/socket'))
  await once(special, 'listening')
  server = await listen({ clock: systemClock }, { listen: '127.0.0.1:0' }, (incoming, response) => {
    const resolve = async (segments: readonly string[]) => {
      if (segments[0] === 'broken') throw new Error('disk on fire')
      if (segments[0] === 'later')
        return {
          kind: 'status',
          status: 503,
          message: 'not here yet',
          retryAfterSeconds: 5,
        } as const
      return resolveInFolder(join(root, 'tree'), segments)
    }
    void respond({ log, resolve }, incoming, response)
  })
})
after(async () => {
  await server.close()
  special.close()
  await rm(root, { recursive: true, force: true })
})

interface Got {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}
/** Sends a request with node:http, which sends the path unchanged. fetch would normalise it. */
function get(
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request(`${server.url}/`, { path, agent: false, ...options }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () =>
        resolve({
          status: response.statusCode as number,
          headers: response.headers,
          body: Buffer.concat(parts),
        }),
      )
    })
    asked.on('error', reject)
    asked.end()
  })
}
const NAME = `/Packages/${encodeURIComponent('a & b#1 %41?漢.rpm')}`

test('PB-14: serves a file, a range, only headers, or 304', async () => {
  const whole = await get(NAME)
  assert.equal(whole.status, 200)
  assert.deepEqual(whole.body, BYTES)
  assert.equal(whole.headers['content-type'], 'application/x-rpm')
  assert.equal(whole.headers['accept-ranges'], 'bytes')
  const etag = whole.headers.etag as string
  assert.match(etag, /^"[^"]+"$/)
  const part = await get(NAME, { headers: { range: 'bytes=70000-70009', 'if-range': etag } })
  assert.deepEqual(
    [part.status, part.headers['content-range'], part.body],
    [206, 'bytes 70000-70009/200000', BYTES.subarray(70_000, 70_010)],
  )
  const head = await get(NAME, { method: 'HEAD' })
  assert.deepEqual(
    [head.status, head.headers['content-length'], head.body.length],
    [200, '200000', 0],
  )
  assert.equal((await get(NAME, { headers: { 'if-none-match': etag } })).status, 304)
  const beyond = await get(NAME, { headers: { range: 'bytes=999999-' } })
  assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */200000'])
  assert.deepEqual((await get('/empty')).body.length, 0)
  assert.equal((await get('/empty', { headers: { range: 'bytes=0-' } })).status, 416)
})

test('PB-14: serves only regular files inside the folder', async () => {
  for (const path of [
    '/../secret',
    '/%2e%2e/secret',
    '/Packages/../../secret',
    '/..%2fsecret',
    '/Packages%2f..%2f..%2fsecret',
    '/%00',
    '/%',
    '/a%5cb',
    '*',
  ])
    assert.equal((await get(path)).status, 400, path)
  for (const path of [
    '/link',
    '/socket',
    '/up/secret',
    '/up/',
    '/none',
    '/empty/x',
    `/${'n'.repeat(300)}`,
    `${NAME}/`,
  ])
    assert.equal((await get(path)).status, 404, path)
  assert.equal((await get(`/${'a/'.repeat(5000)}`)).status, 400)
})

test('PB-14: rejects other methods and lists the allowed ones', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    const got = await get(NAME, { method })
    assert.deepEqual([got.status, got.headers.allow], [405, 'GET, HEAD'])
  }
})

test('http: lists a folder with escaped names and redirects to a final slash', async () => {
  const moved = await get('/Packages')
  assert.deepEqual([moved.status, moved.headers.location], [301, '/Packages/'])
  const page = (await get('/Packages/')).body.toString()
  assert.match(
    page,
    /href="\.\/a%20%26%20b%231%20%2541%3F%E6%BC%A2\.rpm">a &#38; b#1 %41\?漢\.rpm</,
  )
  const top = (await get('/')).body.toString()
  assert.match(top, /href="\.\/Packages\/"/)
  assert.doesNotMatch(top, /link|"\.\/up/)
  assert.equal((await get('/?C=M;O=D')).status, 200)
})

test('http: logs an internal error and does not send it to the client', async () => {
  const broken = await get('/broken')
  assert.deepEqual([broken.status, broken.body.toString()], [500, 'internal error\n'])
  assert.deepEqual(logged, ['a request failed'])
  const later = await get('/later')
  assert.deepEqual(
    [later.status, later.headers['retry-after'], later.body.toString()],
    [503, '5', 'not here yet\n'],
  )
})

test('http: reports a listening address that is taken, foreign or invalid', async () => {
  const deps = { clock: systemClock }
  const address = server.url.slice('http://'.length)
  await assert.rejects(
    listen(deps, { listen: address }, () => {}),
    { code: 'http.address-taken', exit: 'conflict' },
  )
  await assert.rejects(
    listen(deps, { listen: '192.0.2.1:1' }, () => {}),
    { code: 'http.address', message: /does not have that address/ },
  )
  await assert.rejects(
    listen(deps, { listen: '8480' }, () => {}),
    { code: 'http.address' },
  )
  const six = await listen(
    deps,
    { listen: '[::1]:0' },
    (_request, response) => void response.end('six'),
  ).catch(() => undefined)
  if (six !== undefined) {
    assert.equal(await (await fetch(six.url)).text(), 'six')
    await six.close()
  }
})

test('http: a client that disconnects inside a file leaves no file open', async () => {
  const asked = request(`${server.url}${NAME}`, { agent: false })
  asked.end()
  await new Promise<void>((resolve) =>
    asked.once('response', (response) =>
      response.once('data', () => resolve(void response.destroy())),
    ),
  )
  assert.deepEqual((await get(NAME)).body, BYTES)
  assert.deepEqual(logged, ['a request failed'], 'no new error was logged')
})
