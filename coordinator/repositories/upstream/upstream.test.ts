import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../../shared/clock.ts'
import { systemRandom } from '../../../shared/random.ts'
import type { MusterError } from '../../../shared/errors.ts'
import { ownHref } from '../model/href.ts'
import { baseAddress } from './address.ts'
import { openConnection } from './connection.ts'
import type { Credentials } from './credentials.ts'
import { sendFile, testServer } from './testing.ts'
import type { RetryNotice } from './retries.ts'
import { createUpstream, type Upstream } from './upstream.ts'

const FILE = Buffer.from(
  Array.from({ length: 30_000 }, (_, index) => index.toString(36).padStart(4, '0')).join(''),
)
const signal = new AbortController().signal

/** Records the waits and doesn't wait. */
function hurriedClock(): Clock & { waits: number[] } {
  const waits: number[] = []
  return {
    ...systemClock,
    waits,
    sleep: async (ms) => {
      waits.push(ms)
    },
  }
}

interface Opened extends AsyncDisposable {
  upstream: Upstream
  clock: Clock & { waits: number[] }
}

function open(
  url: string,
  options: { credentials?: Partial<Credentials>; retries?: number; idleMs?: number } = {},
): Opened {
  const base = baseAddress('test', url)
  const idleMs = options.idleMs ?? 5000
  const connection = openConnection({
    base,
    credentials: { notices: [], ...options.credentials },
    connections: 10,
    idleMs,
  })
  const clock = hurriedClock()
  const upstream = createUpstream(
    { connection, clock, random: systemRandom },
    { base, retries: options.retries ?? 5, idleMs },
  )
  return { upstream, clock, [Symbol.asyncDispose]: () => connection.close() }
}

async function read(
  upstream: Upstream,
  path: string,
  options: { size?: number; maxBytes?: number; onRetry?: (notice: RetryNotice) => void } = {},
) {
  const parts: Uint8Array[] = []
  for await (const part of upstream.stream(ownHref(path), { maxBytes: 1e6, signal, ...options }))
    parts.push(part)
  return Buffer.concat(parts)
}

test('RS-28: continues a cut body by Range, and fetches no byte twice', async () => {
  await using server = await testServer((request, response, nth) =>
    sendFile(request, response, FILE, nth <= 3 ? { cut: 30_000 } : {}),
  )
  await using opened = open(server.url)
  assert.deepEqual(await read(opened.upstream, 'a.rpm', { size: FILE.length }), FILE)
  assert.deepEqual(
    server.asked.map((each) => each.headers.range),
    [undefined, 'bytes=30000-', 'bytes=60000-', 'bytes=90000-'],
  )
  assert.equal(server.asked[1]?.headers['if-range'], '"v1"')
  assert.equal(server.asked[0]?.headers['accept-encoding'], 'identity')
})

test('RS-28: skips known bytes if a server ignores Range', async () => {
  for (const options of [{ ranges: false }, { etag: 'new' }]) {
    await using server = await testServer((request, response, nth) => {
      sendFile(request, response, FILE, {
        ...(nth <= 2 ? { cut: 50_000 } : {}),
        ...(options.etag === undefined ? options : { etag: `"v${nth}"` }),
      })
    })
    await using opened = open(server.url)
    assert.deepEqual(await read(opened.upstream, 'a.rpm', { size: FILE.length }), FILE)
  }
})

test('RS-28: requests the whole file after a wrong Content-Range', async () => {
  await using server = await testServer((request, response, nth) => {
    if (nth === 2) {
      response.writeHead(206, {
        'content-range': `bytes 30001-${FILE.length - 1}/${FILE.length}`,
        etag: '"v1"',
      })
      return void response.end(FILE.subarray(30_001))
    }
    sendFile(request, response, FILE, nth === 1 ? { cut: 30_000 } : {})
  })
  await using opened = open(server.url)
  assert.deepEqual(await read(opened.upstream, 'a.rpm', { size: FILE.length }), FILE)
  assert.deepEqual(
    server.asked.map((each) => each.headers.range),
    [undefined, 'bytes=30000-', undefined],
  )
})

test('RS-28: continues a short file, and starts again after 416', async () => {
  await using server = await testServer((request, response, nth) => {
    if (nth === 2) return void response.writeHead(416).end()
    if (nth > 2) return sendFile(request, response, FILE)
    // In chunks, so that no Content-Length shows the short response.
    response.write(FILE.subarray(0, 100))
    response.end()
  })
  await using opened = open(server.url)
  assert.deepEqual(await read(opened.upstream, 'a.rpm', { size: FILE.length }), FILE)
  assert.deepEqual(
    server.asked.map((each) => each.headers.range),
    [undefined, 'bytes=100-', undefined],
  )
})

test('RS-32: retries 503, 429 and cut connections a bounded number of times', async () => {
  await using server = await testServer((request, response, nth) => {
    if (nth === 1) return void response.writeHead(503).end()
    if (nth === 2) return void response.writeHead(429, { 'retry-after': '7' }).end()
    if (nth === 3) return void request.socket.destroy()
    sendFile(request, response, FILE)
  })
  await using opened = open(server.url)
  const notices: RetryNotice[] = []
  assert.deepEqual(
    await read(opened.upstream, 'a.rpm', { onRetry: (notice) => notices.push(notice) }),
    FILE,
  )
  assert.match(
    notices.map((each) => each.reason).join('; '),
    /answered 503; .*answered 429; .*connection was cut/,
  )
  assert.equal(opened.clock.waits.length, 3)
  assert.ok((opened.clock.waits[0] as number) < 500 && (opened.clock.waits[1] as number) >= 7000)

  await using down = await testServer((_request, response) => void response.writeHead(500).end())
  await using failing = open(down.url, { retries: 2 })
  await assert.rejects(read(failing.upstream, 'a.rpm'), { code: 'mirror.status' })
  assert.equal(down.asked.length, 3)
})

test('RS-32: a Retry-After of a day ends the file instead of hanging the sync', async () => {
  await using server = await testServer(
    (_request, response) => void response.writeHead(429, { 'retry-after': '86400' }).end(),
  )
  await using opened = open(server.url)
  await assert.rejects(read(opened.upstream, 'a.rpm'), {
    code: 'mirror.busy',
    message: /requires a wait of 86400 seconds/,
  })
  assert.equal(server.asked.length, 1)
})

test("RS-32: doesn't retry a missing file or rejected credentials", async () => {
  for (const [status, code] of [
    [404, 'mirror.missing'],
    [401, 'mirror.denied'],
    [403, 'mirror.denied'],
  ] as const) {
    await using server = await testServer(
      (_request, response) => void response.writeHead(status).end(),
    )
    await using opened = open(server.url)
    await assert.rejects(read(opened.upstream, 'a.rpm'), { code, message: /a\.rpm/ })
    assert.equal(server.asked.length, 1)
  }
})

test('RS-03: an endless small file is stopped at its limit', async () => {
  let sent = 0
  await using server = await testServer((_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(FILE)) sent += FILE.length
      response.once('drain', more)
    }
    more()
  })
  await using opened = open(server.url)
  await assert.rejects(
    opened.upstream.small(ownHref('repodata/repomd.xml'), { maxBytes: 1_000_000, signal }),
    { code: 'mirror.too-big' },
  )
  assert.ok(sent < 20_000_000, `${sent} bytes were sent`)
})

test('RS-04: rejects a file longer than listed, by its header or during the transfer', async () => {
  await using server = await testServer((request, response) => {
    if (request.url === '/said') return sendFile(request, response, FILE)
    response.write(FILE)
    response.end()
  })
  await using opened = open(server.url)
  await assert.rejects(read(opened.upstream, 'said', { size: 100 }), {
    code: 'mirror.digest',
    message: /size.*expected 100, got 120000/,
  })
  await assert.rejects(read(opened.upstream, 'unsaid', { size: 100 }), { code: 'mirror.too-big' })
})

test('RS-08: rejects a Content-Encoding, except the label of a stored .gz', async () => {
  const packed = gzipSync(FILE)
  await using server = await testServer(
    (_request, response) =>
      void response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed),
  )
  await using opened = open(server.url)
  await assert.rejects(read(opened.upstream, 'a.rpm'), { code: 'mirror.encoding' })
  assert.deepEqual(await read(opened.upstream, 'primary.xml.gz'), packed)
})

test('an unchanged small file costs one conditional request', async () => {
  await using server = await testServer((request, response) => {
    if (request.url === '/none') return void response.writeHead(404).end()
    if (request.headers['if-none-match'] === '"v1"') return void response.writeHead(304).end()
    sendFile(request, response, FILE)
  })
  await using opened = open(server.url)
  const first = await opened.upstream.small(ownHref('repomd.xml'), { maxBytes: 1e6, signal })
  assert.ok(typeof first === 'object')
  assert.deepEqual([first.bytes, first.etag], [FILE, '"v1"'])
  assert.equal(
    await opened.upstream.small(ownHref('repomd.xml'), {
      maxBytes: 1e6,
      validators: { etag: first.etag },
      signal,
    }),
    'unchanged',
  )
  assert.equal(await opened.upstream.small(ownHref('none'), { maxBytes: 1e6, signal }), 'absent')
  assert.equal(server.asked.length, 3)
})

test('RS-25: follows redirects, and sends credentials only to the origin', async () => {
  await using other = await testServer((request, response) => sendFile(request, response, FILE))
  await using server = await testServer((request, response) => {
    if (request.url === '/near') return void response.writeHead(302, { location: '/far' }).end()
    if (request.url === '/far')
      return void response.writeHead(307, { location: `${other.url}file` }).end()
    response.writeHead(302, { location: request.url as string }).end()
  })
  await using opened = open(server.url, { credentials: { authorization: 'Basic c2VjcmV0' } })
  assert.deepEqual(await read(opened.upstream, 'near'), FILE)
  assert.deepEqual(
    server.asked.map((each) => each.headers.authorization),
    ['Basic c2VjcmV0', 'Basic c2VjcmV0'],
  )
  assert.equal(other.asked[0]?.headers.authorization, undefined)
  await assert.rejects(read(opened.upstream, 'loop'), {
    code: 'mirror.redirect',
    message: /more than 5 redirects/,
  })
})

test('RS-27: rejects redirects to metadata addresses or other schemes', async () => {
  for (const location of [
    'http://169.254.169.254/latest/meta-data/',
    'file:///etc/passwd',
    'ftp://host/x',
    'http://u:p@127.0.0.1/',
    'http://',
  ]) {
    await using server = await testServer(
      (_request, response) => void response.writeHead(302, { location }).end(),
    )
    await using opened = open(server.url)
    await assert.rejects(read(opened.upstream, 'x'), { code: 'mirror.redirect' }, location)
  }
})

test('RS-25: no error shows the credentials in a redirect', async () => {
  await using server = await testServer((request, response) => {
    const to = new Map([
      ['/status', '/signed?token=s3cret'],
      ['/user', 'http://me:s3cret@127.0.0.1/'],
      ['/inner', 'http://169.254.169.254/x?token=s3cret'],
      ['/scheme', 'ftp://host/x?token=s3cret'],
      ['/loop', '/loop?token=s3cret'],
      ['/cut', '/drop?token=s3cret'],
    ]).get((request.url as string).replace(/\?.*/, ''))
    if (to !== undefined) return void response.writeHead(302, { location: to }).end()
    if (request.url?.startsWith('/drop') === true) return void request.socket.destroy()
    response.writeHead(500).end()
  })
  await using opened = open(server.url, { retries: 0 })
  for (const path of ['status', 'user', 'inner', 'scheme', 'loop', 'cut'])
    await assert.rejects(
      read(opened.upstream, path),
      (error: MusterError) => !JSON.stringify([error.message, error.data]).includes('s3cret'),
      path,
    )
})

test('names the fault of a server that is silent, stops or is not HTTP', async () => {
  let url = ''
  {
    await using server = await testServer(() => {})
    url = server.url
  }
  await using gone = open(url, { retries: 0 })
  await assert.rejects(read(gone.upstream, 'x'), {
    code: 'mirror.unreachable',
    message: /nothing listens there/,
  })
  await using strange = await testServer(
    (request) => void request.socket.end('\0\x01 this is not http\r\n\r\n'),
  )
  await using talking = open(strange.url, { retries: 0 })
  await assert.rejects(read(talking.upstream, 'x'), {
    code: 'mirror.unreachable',
    message: /does not speak HTTP/,
  })
  await using silent = await testServer(
    (_request, response) => void response.writeHead(200).write('x'),
  )
  await using waiting = open(silent.url, { retries: 0, idleMs: 300 })
  await assert.rejects(read(waiting.upstream, 'x'), { code: /mirror.(unreachable|slow)/ })
})

test('an abort ends a download immediately, with the reason of the abort', async () => {
  await using server = await testServer((_request, response) => void response.write('x'))
  await using opened = open(server.url)
  const abort = new AbortController()
  const reason = new Error('Ctrl-C')
  await assert.rejects(
    async () => {
      for await (const part of opened.upstream.stream(ownHref('x'), {
        maxBytes: 100,
        signal: abort.signal,
      })) {
        assert.equal(part.length, 1)
        abort.abort(reason)
      }
    },
    (error) => error === reason,
  )
})

test('a reader that stops early releases its connection', async () => {
  await using server = await testServer((request, response) => sendFile(request, response, FILE))
  await using opened = open(server.url)
  for (let round = 0; round < 25; round += 1)
    for await (const part of opened.upstream.stream(ownHref('x'), { maxBytes: 1e6, signal }))
      if (part.length > 0) break
  assert.deepEqual(await read(opened.upstream, 'x'), FILE)
})
