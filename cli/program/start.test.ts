/**
 * Tests the program with real processes: exit codes, signals, closed pipes, secrets (CC-04 to
 * CC-06).
 */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { test } from 'node:test'

type Child = ChildProcessByStdio<Writable, Readable, Readable>
interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the test program. stdin stays open, so that commands wait for input. */
function begin(...args: string[]): {
  child: Child
  ended: Promise<Ended>
  printed: (text: string) => Promise<void>
} {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../testing/program.ts'), ...args],
    {
      stdio: 'pipe',
      env: { ...process.env, CI: '' },
    },
  )
  const text = { stdout: '', stderr: '' }
  const waiters: (() => void)[] = []
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
      for (const check of waiters) check()
    })
  }
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, ...text })),
  )
  const printed = (wanted: string): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if ((text.stdout + text.stderr).includes(wanted)) resolve()
      }
      waiters.push(check)
      check()
    })
  return { child, ended, printed }
}

const run = (...args: string[]): Promise<Ended> => begin(...args).ended

test('cli: flags of every type reach the handler, with global flags at any position', async () => {
  const words =
    '--home /h echo -o json --on a --on b=c,d=e --env A=1 --env B=x=y --memory 1.5M ' +
    '--timeout 2m --level control --count 3 -qv w --yes --no-color'
  const { code, stdout, stderr } = await run(...words.split(' '))
  assert.equal(code, 0, stderr)
  const got = JSON.parse(stdout) as { flags: object; args: object; globals: object }
  assert.deepEqual(got.flags, {
    on: ['a', 'b=c,d=e'],
    env: { A: '1', B: 'x=y' },
    memory: 1_572_864,
    timeout: 120_000,
    level: 'control',
    count: 3,
    yes: true,
  })
  assert.deepEqual(got.args, { word: 'w' })
  assert.deepEqual(got.globals, {
    home: '/h',
    output: 'json',
    quiet: true,
    verbose: true,
    color: false,
  })
})

test('cli: a missing flag is empty, false or the default', async () => {
  const got = JSON.parse((await run('echo')).stdout) as {
    flags: object
    args: object
    globals: object
  }
  assert.deepEqual(got, {
    flags: { on: [], env: {}, timeout: 1000, yes: false },
    args: {},
    globals: { output: 'table', quiet: false, verbose: false, color: true },
  })
})

test('cli: passes the remote command through unchanged', async () => {
  const { stdout } = await run('pass', '--on', 'a', '--', 'ls', '--help', '-o', 'json', '--', '')
  const got = JSON.parse(stdout) as { flags: { on: string[] }; args: { command: string[] } }
  assert.deepEqual(
    [got.flags.on, got.args.command],
    [['a'], ['ls', '--help', '-o', 'json', '--', '']],
  )
})

test('cli: a usage error is exit 2, on stderr only', async () => {
  const { code, stdout, stderr } = await run('echo', '--tiemout', '1s')
  assert.deepEqual([code, stdout], [2, ''])
  assert.match(
    stderr,
    new RegExp(
      "^muster: error: unknown option '--tiemout'\n" +
        'muster: hint: did you mean --timeout\\? see `muster echo --help`\n$',
    ),
  )
})

test('cli: with -o json an error is one JSON object on stderr', async () => {
  const { code, stderr } = await run('echo', '--bogus', '-o', 'json')
  assert.deepEqual([code, (JSON.parse(stderr) as { code: string }).code], [2, 'cli.usage'])
})

test('CC-05: the first Ctrl-C ends the command cleanly with 130, SIGTERM with 143', async () => {
  for (const [signal, exit] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const { child, ended, printed } = begin('wait')
    await printed('waiting')
    child.kill(signal)
    const { code, stdout } = await ended
    assert.deepEqual([code, stdout], [exit, 'waiting\ncleaned up\n'])
  }
})

test('CC-05: the second Ctrl-C ends a command that ignores the first', async () => {
  const { child, ended, printed } = begin('stubborn')
  await printed('waiting')
  child.kill('SIGINT')
  // The kernel merges equal signals that arrive together. So the second one is sent until the
  // program reports it.
  const again = setImmediate(function repeat() {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT')
      setImmediate(repeat)
    }
  })
  const { code } = await ended
  clearImmediate(again)
  assert.equal(code, 130)
})

test('CC-05: a closed pipe ends endless output silently, with a fixed exit code', async () => {
  const { child, ended } = begin('flood')
  child.stdout.once('data', () => child.stdout.destroy())
  const { code, stderr } = await ended
  assert.deepEqual([code, stderr], [141, ''])
})

test('CC-05: a whole result keeps its exit code if the reader has left', async () => {
  for (const [words, exit] of [
    [['result'], 0],
    [['result', '--count', '3'], 3],
    [['more'], 141],
  ] as const) {
    const { child, ended } = begin(...words)
    child.stdout.destroy()
    const { code, stderr } = await ended
    assert.deepEqual([code, stderr], [exit, ''], words.join(' '))
  }
})

test('cli: a daemon ends an interrupt with 0 and logs JSON lines', async () => {
  const { child, ended, printed } = begin('daemon')
  await printed('ready')
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  assert.equal(code, 0)
  assert.equal((JSON.parse(stderr) as { msg: string }).msg, 'ready')
})

test('CC-04: secrets appear in no message, cause, stack, JSON or log output', async () => {
  for (const words of [['secret'], ['secret', '-v'], ['secret', '-o', 'json', '-v']]) {
    const { code, stdout, stderr } = await run(...words)
    assert.equal(code, 1)
    assert.match(stderr, /\[secret\]/)
    assert.doesNotMatch(stdout + stderr, /canary/, words.join(' '))
  }
  const { child, ended, printed } = begin('daemon')
  await printed('ready')
  child.kill('SIGTERM')
  assert.doesNotMatch((await ended).stderr, /canary/)
})

test('cli: shows a stack only with -v, and exits with 1 for a bug', async () => {
  const plain = await run('defect')
  assert.equal(plain.code, 1)
  assert.match(
    plain.stderr,
    /^muster: error: internal error: unhandled rejection\nmuster: hint: .*\n$/,
  )
  assert.match((await run('defect', '-v')).stderr, /at .*program\.ts/)
})

test('CC-06: a destructive command needs a terminal or --yes', async () => {
  const refused = await run('destroy')
  assert.equal(refused.code, 2)
  assert.match(
    refused.stderr,
    /error: this deletes everything, and there is no terminal to confirm it on\n.*hint: .*--yes/,
  )
  assert.equal((await run('destroy', '--yes')).code, 0)
})

test('cli: a command ends even if it leaves a handle open', async () => {
  assert.equal((await run('leak')).code, 0)
})

test('CC-05: reads a line from an open standard input; Ctrl-C ends the wait', async () => {
  for (const [typed, line] of [
    ['  word\r\nmore', '"word"'],
    ['\n\nword\n', '"word"'],
  ] as const) {
    const { child, ended, printed } = begin('line')
    await printed('reading')
    child.stdin.write(typed)
    assert.deepEqual((await ended).stdout, `reading\n${line}\n`)
  }
  const ending = begin('line')
  await ending.printed('reading')
  ending.child.stdin.end('no line end')
  assert.equal((await ending.ended).stdout, 'reading\n"no line end"\n')
  const waiting = begin('line')
  await waiting.printed('reading')
  waiting.child.kill('SIGINT')
  const { code, stderr } = await waiting.ended
  assert.deepEqual([code, stderr], [130, 'muster: error: interrupted\n'])
})
