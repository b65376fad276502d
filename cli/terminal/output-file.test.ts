/**
 * Checks with the real command line that output files are written like those of other Unix
 * programs.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import { systemRandom } from '../../shared/random.ts'
import { openRegular } from './open-regular.ts'
import { writeOutputFile } from './output-file.ts'
import { createSink } from './sink.ts'
import { type BlobServer, serveBlob } from '../testing/blob-server.ts'

/** The size of several frames, so that a transfer can stop in the middle. */
const content = Buffer.from(systemRandom.bytes(300_000))
const root = process.getuid?.() === 0

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: Buffer
  readonly stderr: string
}

/**
 * Runs `muster blob get BLOB --to TO` in a shell, so that a test can redirect its output. `$GET` is
 * the command without --to.
 */
function shell(server: BlobServer, script: string): Promise<Ended> {
  const main = join(import.meta.dirname, '../main.ts')
  const get = `"${process.execPath}" "${main}" --home "${server.home}" blob get ${server.blob}`
  const child = spawn('bash', ['-c', script.replaceAll('$GET', get)], {
    cwd: server.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, XDG_CONFIG_HOME: '/nonexistent', NODE_TEST_CONTEXT: '' },
  })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  return new Promise((resolve) =>
    child.on('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }),
    ),
  )
}

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o7777

test('output file: writes to a device, a pipe, and a link to one, and keeps them', async () => {
  await using server = await serveBlob(content)
  const { folder } = server
  // The test uses links to devices, so that a wrong version can't replace a device of this machine.
  await symlink('/dev/null', join(folder, 'null'))
  await symlink('/proc/self/fd/1', join(folder, 'stdout'))
  const quiet = await shell(server, '$GET --to null')
  assert.deepEqual([quiet.code, quiet.stderr], [0, ''])
  assert.equal(await readlink(join(folder, 'null')), '/dev/null')
  for (const to of ['stdout', '/dev/stdout', '/dev/fd/1', '-']) {
    const shown = await shell(server, `$GET --to ${to}`)
    assert.deepEqual([shown.code, shown.stdout.equals(content)], [0, true], to + shown.stderr)
  }
  assert.equal(await readlink(join(folder, 'stdout')), '/proc/self/fd/1')
  // The reader writes to a file, because Node makes a shared pipe non-blocking and cat then fails.
  const piped = await shell(server, 'mkfifo pipe; cat pipe >through & $GET --to pipe; wait')
  assert.equal(piped.code, 0, piped.stderr)
  assert.deepEqual(await readFile(join(folder, 'through')), content)
  assert.ok((await lstat(join(folder, 'pipe'))).isFIFO())
  const substituted = await shell(server, '$GET --to >(cat >copy); wait $!')
  assert.equal(substituted.code, 0, substituted.stderr)
  assert.deepEqual(await readFile(join(folder, 'copy')), content)
  assert.deepEqual((await readdir(folder)).sort(), ['copy', 'null', 'pipe', 'stdout', 'through'])
})

test('output file: /dev/stdout and /dev/fd/N follow the redirection of the shell', async () => {
  await using server = await serveBlob(content)
  const { folder } = server
  const { code, stderr } = await shell(
    server,
    '{ echo first; $GET --to /dev/stdout; echo last; } >out; ' +
      '{ echo first >&3; $GET --to /dev/fd/3; echo last >&3; } 3>three',
  )
  assert.deepEqual([code, stderr], [0, ''])
  const expected = Buffer.concat([Buffer.from('first\n'), content, Buffer.from('last\n')])
  for (const file of ['out', 'three'])
    assert.ok((await readFile(join(folder, file))).equals(expected), file)
})

test('output file: follows symbolic links to files, links and new files', async () => {
  await using server = await serveBlob(content)
  const { folder } = server
  const at = (name: string): string => join(folder, name)
  await mkdir(at('below'))
  await writeFile(at('below/real'), 'before')
  await symlink('below/real', at('link'))
  await symlink('link', at('chain'))
  await symlink('below/new', at('dangling'))
  // `inner/../beside` is beside the folder that the link leads to, not beside the link.
  await mkdir(at('below/inner'))
  await symlink('below/inner', at('inner'))
  for (const [to, written] of [
    ['link', 'below/real'],
    ['chain', 'below/real'],
    ['dangling', 'below/new'],
    ['inner/../beside', 'below/beside'],
  ] as const) {
    await rm(at(written), { force: true })
    if (to !== 'dangling') await writeFile(at(written), 'before')
    const { code, stderr } = await shell(server, `$GET --to ${to}`)
    assert.equal(code, 0, to + stderr)
    assert.deepEqual(await readFile(at(written)), content, to)
  }
  assert.deepEqual(
    await Promise.all(['link', 'chain', 'dangling'].map((name) => readlink(at(name)))),
    ['below/real', 'link', 'below/new'],
  )
})

test('output file: an unusable path exits with 2 and the reason, and changes nothing', async () => {
  await using server = await serveBlob(content)
  const { folder } = server
  await mkdir(join(folder, 'dir'))
  await symlink('dir', join(folder, 'to-dir'))
  await symlink('b', join(folder, 'a'))
  await symlink('a', join(folder, 'b'))
  await symlink('no/such', join(folder, 'nowhere'))
  await writeFile(join(folder, 'file'), 'before')
  const before = (await readdir(folder)).sort()
  for (const [to, reason] of [
    ['dir', 'it is a folder'],
    ['to-dir', 'it is a folder'],
    ['.', 'it is a folder'],
    ['new/', 'it is a folder'],
    ['file/', 'a part of its path is not a folder'],
    ['file/below', 'a part of its path is not a folder'],
    ['a', 'its symbolic links form a loop'],
    ['nowhere', 'there is no such file or folder'],
    ['no/file', 'there is no such file or folder'],
    ['x'.repeat(256), 'its name is too long'],
    ['""', 'expected a value'],
  ] as const) {
    const { code, stderr } = await shell(server, `$GET --to ${to}`)
    assert.deepEqual([code, stderr.includes(reason)], [2, true], `${to}: ${stderr}`)
  }
  assert.deepEqual((await readdir(folder)).sort(), before)
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'before')
})

test('output file: keeps mode, owner and hard links; a new file follows the umask', async () => {
  await using server = await serveBlob(content)
  const { folder } = server
  const at = (name: string): string => join(folder, name)
  for (const [name, bits] of [
    ['secret', 0o600],
    ['shared', 0o664],
    ['program', 0o750],
  ] as const) {
    await writeFile(at(name), 'before')
    await chmod(at(name), bits)
    if (root) await chown(at(name), 65_534, 65_533)
    const { code, stderr } = await shell(server, `$GET --to ${name}`)
    assert.equal(code, 0, stderr)
    assert.equal(await mode(at(name)), bits, name)
    if (root)
      assert.deepEqual((({ uid, gid }) => [uid, gid])(await stat(at(name))), [65_534, 65_533])
    assert.deepEqual(await readFile(at(name)), content)
  }
  await writeFile(at('one'), 'before, and longer than nothing')
  await link(at('one'), at('two'))
  assert.equal((await shell(server, '$GET --to one --range 0-5')).code, 0)
  assert.deepEqual(await readFile(at('two')), content.subarray(0, 5))
  assert.equal((await shell(server, 'umask 027; $GET --to new')).code, 0)
  assert.equal(await mode(at('new')), 0o640)
  assert.deepEqual((await readdir(folder)).sort(), [
    'new',
    'one',
    'program',
    'secret',
    'shared',
    'two',
  ])
})

test('output file: a failed, wrong or interrupted transfer leaves the file unchanged', async () => {
  await using server = await serveBlob(content)
  const { folder, home, blob } = server
  const at = (name: string): string => join(folder, name)
  await writeFile(at('real'), 'before')
  await chmod(at('real'), 0o640)
  await symlink('real', at('link'))
  await link(at('real'), at('second'))
  const unchanged = async (what: string): Promise<void> => {
    assert.equal(await readFile(at('second'), 'utf8'), 'before', what)
    assert.equal(await readFile(at('link'), 'utf8'), 'before', what)
    assert.deepEqual((await readdir(folder)).sort(), ['link', 'real', 'second'], what)
    assert.equal(await mode(at('real')), 0o640, what)
  }
  server.onFrame = () => Promise.reject(new Error('broken off'))
  assert.notEqual((await shell(server, '$GET --to link')).code, 0)
  await unchanged('broken off')
  server.onFrame = async () => undefined
  server.bytes = Buffer.concat([content, Buffer.from('x')])
  assert.equal((await shell(server, '$GET --to link')).code, 9)
  await unchanged('other content')
  server.bytes = content
  const sent = Promise.withResolvers<void>()
  server.onFrame = () => {
    sent.resolve()
    return new Promise(() => undefined)
  }
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, '../main.ts'),
      '--home',
      home,
      'blob',
      'get',
      blob,
      '--to',
      at('link'),
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise((resolve) => child.on('close', resolve))
  await sent.promise
  child.kill('SIGINT')
  assert.equal(await ended, 130)
  await unchanged('interrupted')
})

test('output file: a full device and a closed reader are errors with a reason', async () => {
  await using server = await serveBlob(content)
  await symlink('/dev/full', join(server.folder, 'full'))
  const full = await shell(server, '$GET --to full')
  assert.equal(full.code, 1)
  assert.match(full.stderr, /error: cannot write to full: the disk is full\n/)
  for (const to of ['-', '/dev/stdout']) {
    const redirected = await shell(server, `$GET --to ${to} >/dev/full`)
    assert.equal(redirected.code, 1, to)
    assert.match(redirected.stderr, /error: cannot write the output: the disk is full\n/)
  }
  const gone = await shell(server, 'mkfifo pipe; head -c 1 pipe >/dev/null & $GET --to pipe')
  assert.equal(gone.code, 1, gone.stderr)
  assert.match(gone.stderr, /cannot write to pipe: the program that read from it has ended\n/)
  const closed = await shell(server, '$GET --to - | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}')
  assert.deepEqual([closed.code, closed.stderr], [141, ''])
})

/** Writes `after` to `path` in this process. */
async function put(path: string, signal = new AbortController().signal): Promise<void> {
  const sink = createSink(process.stdout, { color: false })
  const deps = { clock: systemClock, random: systemRandom, stdout: sink, stderr: sink }
  await writeOutputFile({ ...deps, signal }, path, (write) => write(Buffer.from('after')))
}

test('output file: waits for the reader of a pipe until an interrupt', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-output-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const abort = new AbortController()
  const interrupted = put(pipe, abort.signal)
  abort.abort(new Error('interrupted'))
  await assert.rejects(interrupted, /^Error: interrupted$/)
  const written = put(pipe)
  const [text] = await Promise.all([readFile(pipe, 'utf8'), written])
  assert.equal(text, 'after')
})

test('output file: writes in place in a read-only folder, rejects a read-only file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-output-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'file')
  await writeFile(file, 'before, and longer')
  await writeFile(join(folder, 'locked'), 'before')
  await chmod(file, 0o640)
  await chmod(join(folder, 'locked'), 0o444)
  if (root)
    for (const path of [folder, file, join(folder, 'locked')]) await chown(path, 65_534, 65_534)
  await chmod(folder, 0o555)
  const { ino } = await stat(file)
  // Until the next seteuid, this process has the rights of a user that is not root.
  if (root) process.seteuid?.(65_534)
  try {
    await put(file)
    await assert.rejects(put(join(folder, 'new')), { code: 'file.unwritable' })
    await assert.rejects(put(join(folder, 'locked')), { code: 'file.unwritable' })
  } finally {
    if (root) process.seteuid?.(0)
  }
  assert.equal(await readFile(file, 'utf8'), 'after')
  assert.deepEqual([(await stat(file)).ino, await mode(file)], [ino, 0o640])
  await chmod(folder, 0o755)
  assert.deepEqual((await readdir(folder)).sort(), ['file', 'locked'])
})

test("output file: another user's file in a shared folder keeps its owner", {
  skip: !root && 'needs root',
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-output-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o1777)
  const file = join(folder, 'file')
  await writeFile(file, 'before')
  await chown(file, 65_533, 65_533)
  await chmod(file, 0o666)
  process.seteuid?.(65_534)
  try {
    await put(file)
  } finally {
    process.seteuid?.(0)
  }
  const { uid, gid } = await stat(file)
  assert.deepEqual(
    [await readFile(file, 'utf8'), uid, gid, await mode(file)],
    ['after', 65_533, 65_533, 0o666],
  )
})

test('output file: does not open a pipe, link or device that replaced the file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-output-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const at = (name: string): string => join(folder, name)
  execFileSync('mkfifo', [at('pipe')])
  await writeFile(at('file'), 'before')
  await symlink('file', at('link'))
  for (const other of [at('pipe'), at('link'), '/dev/null'])
    assert.equal(await openRegular(other), undefined, other)
  // A pipe with a reader can be opened, so only the check of the opened file detects it.
  const reader = await open(at('pipe'), 'r+')
  assert.equal(await openRegular(at('pipe')), undefined)
  await reader.close()
  await assert.rejects(openRegular(at('absent')), { code: 'ENOENT' })
  const file = await openRegular(at('file'))
  await file?.close()
  assert.equal(await readFile(at('file'), 'utf8'), 'before')
})

test('output file: writes to a pipe or link that replaced the file meanwhile', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-output-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const at = (name: string): string => join(folder, name)
  const swaps: [string, () => Promise<unknown>, () => Promise<string>][] = [
    ['pipe', async () => execFileSync('mkfifo', [at('to')]), () => readFile(at('to'), 'utf8')],
    [
      'link',
      async () => {
        await writeFile(at('real'), 'before')
        await symlink('real', at('to'))
      },
      () => readFile(at('real'), 'utf8'),
    ],
  ]
  for (const [name, swap, read] of swaps) {
    await rm(at('to'), { force: true })
    await writeFile(at('to'), 'before')
    // The file has two names, so it is overwritten in place and not replaced.
    await rm(at('two'), { force: true })
    await link(at('to'), at('two'))
    const sink = createSink(process.stdout, { color: false })
    const { signal } = new AbortController()
    const deps = { clock: systemClock, random: systemRandom, stdout: sink, stderr: sink, signal }
    const swapped = Promise.withResolvers<void>()
    const written = writeOutputFile(deps, at('to'), async (write) => {
      await write(Buffer.from('after'))
      await rm(at('to'))
      await swap()
      swapped.resolve()
    })
    await swapped.promise
    const [text] = await Promise.all([name === 'pipe' ? read() : written.then(read), written])
    assert.equal(text, 'after', name)
    assert.equal(await readFile(at('two'), 'utf8'), 'before', name)
  }
})
