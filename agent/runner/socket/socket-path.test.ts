import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { runnerError } from '../ground/errors.ts'
import { acquireLock } from '../lock.ts'
import { checkSocket, clearSocket, ownFolder, shortSocketPath } from './socket-path.ts'

let home: string
let run: string
let socket: string
const unsafe = (error: unknown): boolean => runnerError.is(error, 'runner.unsafe-path')
/** A user id that is neither this user's nor root's. */
const STRANGER = 65534
const isRoot = process.geteuid?.() === 0

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'muster-socket-'))
  run = join(home, 'run')
  socket = join(run, 'runner.sock')
})
afterEach(() => rm(home, { recursive: true, force: true }))

function listening(path: string): Promise<Server & AsyncDisposable> {
  const server = createServer((connection) => connection.end())
  return new Promise((resolve) => server.listen(path, () => resolve(server)))
}

test('PC-25: rejects a socket folder that others can write to', async () => {
  ownFolder(run)
  await chmod(run, 0o755)
  ownFolder(run)
  assert.equal(statSync(run).mode & 0o777, 0o700)
  await chmod(run, 0o777)
  assert.throws(() => ownFolder(run), unsafe)
  await rm(run, { recursive: true })
  await mkdir(join(home, 'elsewhere'), { mode: 0o700 })
  await symlink('elsewhere', run)
  assert.throws(() => ownFolder(run), unsafe)
})

test('PC-25: rejects a path that another user prepared, on both sides', async () => {
  ownFolder(run)
  assert.equal(checkSocket(socket), false)
  clearSocket(socket)
  await writeFile(socket, 'a file')
  assert.throws(() => clearSocket(socket), unsafe)
  assert.throws(() => checkSocket(socket), unsafe)
  await rm(socket)
  await using elsewhere = await listening(join(home, 'other.sock'))
  assert.ok(elsewhere.listening)
  await symlink(join(home, 'other.sock'), socket)
  assert.throws(() => clearSocket(socket), unsafe)
  assert.throws(() => checkSocket(socket), unsafe)
})

test('PC-25: rejects a socket or folder of another user', async (t) => {
  if (!isRoot) return t.diagnostic('only root can make files of another user: not tried')
  ownFolder(run)
  await using server = await listening(socket)
  assert.ok(server.listening && checkSocket(socket))
  await chown(socket, STRANGER, STRANGER)
  assert.throws(() => checkSocket(socket), unsafe)
  assert.throws(() => clearSocket(socket), unsafe)
  await chown(socket, 0, 0)
  await chown(run, STRANGER, STRANGER)
  assert.throws(() => checkSocket(socket), unsafe)
  assert.throws(() => ownFolder(run), unsafe)
  // Root may use the runner of any home, if the socket belongs to the owner of the home.
  for (const path of [home, socket]) await chown(path, STRANGER, STRANGER)
  assert.equal(checkSocket(socket), true)
})

test('removes an old socket of this user', async () => {
  ownFolder(run)
  await using server = await listening(socket)
  assert.ok(server.listening)
  clearSocket(socket)
  assert.equal(checkSocket(socket), false)
})

test('a long socket path is used through its folder', async () => {
  const deep = join(home, 'x'.repeat(100), 'run')
  await mkdir(dirname(deep))
  ownFolder(deep)
  const path = join(deep, 'runner.sock')
  const short = shortSocketPath(path)
  await using server = await listening(short.path)
  assert.ok(server.listening)
  assert.equal(checkSocket(path), true)
  short.release()
})

test('a lock has one holder and must be a file of this user', async () => {
  ownFolder(run)
  const path = join(run, 'runner.lock')
  const lock = acquireLock(path)
  assert.throws(
    () => acquireLock(path),
    (error) => runnerError.is(error, 'runner.held'),
  )
  lock.release()
  acquireLock(path).release()
  await writeFile(
    path,
    'not a lock of ours, but long enough to look like a file with a header of some kind',
  )
  assert.throws(() => acquireLock(path), unsafe)
  await rm(path)
  await symlink('/dev/null', path)
  assert.throws(() => acquireLock(path), unsafe)
})
