import assert from 'node:assert/strict'
import { chmod, mkdir, open, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runnerError } from './ground/errors.ts'
import type { RunOrder } from './ground/order.ts'
import { readStat } from './containment/process-identity.ts'
import { describeRun } from '../../shared/describe-run.ts'
import { program } from './testing/programs.ts'
import { newRunId, openRunnerHome, type RunnerHome } from './testing/runner-home.ts'

let runner: RunnerHome
before(async () => {
  // The runner inherits these variables. A run must not get them.
  process.env.MUSTER_LEAK = 'leaked'
  process.env.NODE_OPTIONS = '--no-warnings'
  runner = await openRunnerHome()
})
after(() => runner[Symbol.asyncDispose]())

const print = async (
  command: readonly string[],
  order: Partial<Omit<RunOrder, 'limits'>> = {},
): Promise<string> => {
  const { run } = await runner.start(command, order)
  const { stdout, stderr } = await runner.output(run)
  assert.equal(stderr.toString(), '')
  return stdout.toString()
}

test('PC-15: a failed start is recorded with the error of the operating system', async () => {
  const folder = join(runner.home, 'programs')
  await mkdir(folder)
  const file = async (name: string, text: string, mode: number): Promise<string> => {
    await writeFile(join(folder, name), text)
    await chmod(join(folder, name), mode)
    return join(folder, name)
  }
  const plain = await file('plain', '#!/bin/sh\n', 0o644)
  const interpreter = await file('interpreter', '#!/no/such/interpreter\n', 0o755)
  const cases: [readonly string[], Partial<RunOrder>, string][] = [
    [['/no/such/program'], {}, 'ENOENT: no such file or directory: /no/such/program'],
    [[plain], {}, `EACCES: permission denied: ${plain}`],
    [
      [interpreter],
      {},
      `ENOENT: no such file or directory: /no/such/interpreter, the interpreter of ${interpreter}`,
    ],
    [['true', 'a\0b'], {}, 'EINVAL: invalid argument: a NUL byte in argument 1'],
    [['true', 'x'.repeat(3 * 1024 * 1024)], {}, 'E2BIG: argument list too long: true'],
    [
      ['true'],
      { env: { BIG: 'x'.repeat(3 * 1024 * 1024) } },
      'E2BIG: argument list too long: true',
    ],
    [['true'], { env: { 'FOO\n=': 'x' } }, 'EINVAL: invalid argument: environment name "FOO\\n="'],
    [
      ['true'],
      { cwd: '/no/such/folder' },
      'ENOENT: no such file or directory: working directory /no/such/folder',
    ],
    [['true'], { cwd: '/etc/passwd' }, 'ENOTDIR: not a directory: working directory /etc/passwd'],
    [['true'], { user: 'no-such-user' }, 'ENOENT: no such file or directory: user no-such-user'],
  ]
  for (const [command, order, reason] of cases) {
    const status = await runner.start(command, order)
    assert.equal(describeRun(status), `failed to start: ${reason}`)
    assert.deepEqual(await runner.client.wait(status.run), status)
    assert.deepEqual(await runner.output(status.run), {
      stdout: Buffer.alloc(0),
      stderr: Buffer.alloc(0),
      dropped: 0,
    })
    assert.equal(
      describeRun(await runner.client.stop(status.run, { graceMs: 0 })),
      `failed to start: ${reason}`,
    )
  }
  const { pid } = await runner.client.info()
  const children = (await readdir('/proc'))
    .map(Number)
    .filter((child) => readStat(child)?.parent === pid)
  assert.deepEqual(children, [], 'nothing is left of them, no zombie either')
})

test('PC-15: an exec that the kernel refuses is a failed start', async () => {
  // A file that is open for writing passes all checks before the exec.
  const busy = join(runner.home, 'busy')
  await writeFile(busy, await readFile('/bin/true'))
  await chmod(busy, 0o755)
  await using writer = await open(busy, 'r+')
  assert.ok(writer.fd > 2)
  const status = await runner.start([busy])
  assert.equal(describeRun(status), `failed to start: ETXTBSY: text file busy: ${busy}`)
  assert.deepEqual(status.outputBytes, { stdout: 0, stderr: 0 })
})

test('exit codes 125 to 127 of a program do not count as a failed start', async () => {
  for (const code of [125, 126, 127]) {
    const { run } = await runner.start([
      'sh',
      '-c',
      `echo "env: 'x': No such file or directory" >&2; exit ${code}`,
    ])
    assert.equal(describeRun(await runner.client.wait(run)), `exited: ${code}`)
  }
})

test('PC-18: a run inherits no environment of the runner or the agent', async () => {
  const lines = (
    await print(['env'], { env: { A: 'x y', LD_PRELOAD: '', 'odd.name': '1', BASH_ENV: '/x' } })
  )
    .trimEnd()
    .split('\n')
  const names = lines.map((line) => line.split('=')[0])
  assert.deepEqual(names, [
    'PATH',
    'HOME',
    'LANG',
    'USER',
    'A',
    'LD_PRELOAD',
    'odd.name',
    'BASH_ENV',
  ])
  assert.ok(lines.includes('A=x y'))
})

test('PC-18: a variable for the shell has no effect on the launch', async () => {
  const env = {
    SHELLOPTS: 'xtrace',
    PS4: '+$(touch /tmp/muster-never)',
    ENV: '/no/such',
    IFS: 'e',
    PATH: '/no/such',
  }
  assert.equal(await print(['/bin/echo', 'hello there'], { env }), 'hello there\n')
})

test('PC-19: arguments reach the program unchanged', async () => {
  const odd = [
    '',
    ' ',
    ';rm -rf /',
    '$(touch x)',
    '`id`',
    '-n',
    '--',
    '-c',
    '*',
    "it's",
    '"',
    '\\',
    'a\tb',
    'é',
    '\u{1f980}',
    '$HOME',
    'A=B',
    '!!',
    '|',
    '&&',
  ]
  assert.equal(
    await print([program('print-arguments.sh'), ...odd]),
    odd.map((argument) => `[${argument}]\n`).join(''),
  )
  const status = await runner.start(['sleep', '1000'])
  assert.equal(await readFile(`/proc/${status.pid}/cmdline`, 'utf8'), 'sleep\x001000\x00')
  await runner.client.stop(status.run, { graceMs: 0 })
})

test('PC-19: a program may have the name of an option or a variable', async () => {
  for (const name of ['-i', '--', 'A=B', 'a b;c']) {
    await writeFile(join(runner.home, name), '#!/bin/sh\necho "$1"\n')
    await chmod(join(runner.home, name), 0o755)
    assert.equal(
      await print([name, 'yes'], { env: { PATH: `${runner.home}:/usr/bin:/bin` } }),
      'yes\n',
    )
    assert.equal(await print([join(runner.home, name), 'yes']), 'yes\n')
  }
})

test('a run has a new session, an empty input, a umask and its folder', async () => {
  const status = await runner.start(
    [
      'sh',
      '-c',
      'umask; pwd; cat; cut -d" " -f 5,6 /proc/$$/stat; ' +
        'ulimit -Sn; ls /proc/self/fd | tr "\\n" " "',
    ],
    { cwd: '/usr' },
  )
  const [umask, cwd, session, files, fds] = (await runner.output(status.run)).stdout
    .toString()
    .split('\n')
  assert.deepEqual([umask, cwd, session], ['0022', '/usr', `${status.pid} ${status.pid}`])
  assert.ok(Number(files) <= 1024)
  // 3 is the descriptor of the folder that the program lists.
  assert.equal(fds, '0 1 2 3 ')
  assert.equal(await print(['pwd']), '/\n')
})

test('PC-17: a repeated start is one run with one child', async () => {
  const file = join(runner.home, 'started')
  const order = {
    run: newRunId(),
    command: ['sh', '-c', 'echo x >>"$1"; exit 3', 'sh', file],
    env: {},
    limits: { outputBytes: 100_000 },
  }
  const first = await Promise.all([1, 2, 3, 4].map(() => runner.client.start(order)))
  assert.equal(new Set(first.map(({ pid }) => pid)).size, 1)
  const ended = await runner.client.wait(order.run)
  assert.equal(describeRun(ended), 'exited: 3')
  assert.equal(describeRun(await runner.client.start(order)), 'exited: 3')
  assert.equal(await readFile(file, 'utf8'), 'x\n')
  await assert.rejects(runner.client.start({ ...order, command: ['true'] }), (error) =>
    runnerError.is(error, 'runner.conflict'),
  )
})

test('a long command is shortened in the status', async () => {
  const status = await runner.start([
    'true',
    'x'.repeat(2000),
    ...Array.from({ length: 100 }, () => 'y'),
  ])
  assert.equal(status.command[1]?.length, 513)
  assert.equal(status.command.length, 33)
})
