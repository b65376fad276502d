/**
 * Checks that bytes that aren't UTF-8 are rejected before a command begins. Node replaces such
 * bytes, so the text would name something else.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { argumentFault, guardedEnvironment, type GivenBytes } from './given-bytes.ts'
import { sealEnvironment } from '../runs/run-environment.ts'
import { runBytes } from '../testing/run-bytes.ts'
import { systemRandom } from '../../shared/random.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
const PROGRAM = join(import.meta.dirname, '../testing/program.ts')
const LATIN1 = Buffer.from('caf\xe9', 'latin1')
const after = (text: string): Buffer => Buffer.concat([Buffer.from(text), LATIN1])

test('every command rejects an argument that is not UTF-8, with exit code 2', async () => {
  const lines: (string | Buffer)[][] = [
    ['run', '--on', 'h', '--', 'rm', LATIN1],
    ['run', '--on', 'h', '--', LATIN1],
    ['run', '--on', 'h', '--env', after('TOKEN=canary'), '--', 'true'],
    ['run', '--on', 'h', '--cwd', after('/srv/'), '--', 'true'],
    ['process', 'start', '--on', 'h', '--user', LATIN1, '--', 'true'],
    ['process', 'start', '--local', '--name', LATIN1, '--', 'true'],
    ['blob', 'add', LATIN1],
    ['blob', 'get', 'ab'.repeat(32), '--to', LATIN1],
    ['agent', 'join', '-', '--name', LATIN1],
    ['agent', 'label', 'h', after('role=')],
    ['config', 'validate', '--home', LATIN1],
    ['agent', 'run', '--home', LATIN1],
    [LATIN1],
    ['--help', LATIN1],
  ]
  for (const words of lines) {
    const { code, stdout, stderr } = await runBytes([process.execPath, MAIN, ...words])
    const place = words.findIndex((word) => typeof word !== 'string') + 1
    assert.deepEqual([code, stdout], [2, ''], `${words.join(' ')}: ${stderr}`)
    assert.match(
      stderr,
      new RegExp(
        `^muster: error: argument ${place} of muster is not valid UTF-8; nothing was done`,
      ),
    )
    assert.doesNotMatch(stderr, /canary/)
  }
  const json = await runBytes([process.execPath, MAIN, 'blob', 'add', LATIN1, '-o', 'json'])
  assert.equal((JSON.parse(json.stderr) as { code: string }).code, 'cli.not-utf8')
})

test('accepts a replacement character that the user typed', async () => {
  const words = ['caf\uFFFD', '', '\u{10FFFF}', 'é']
  const { code, stdout, stderr } = await runBytes([process.execPath, PROGRAM, 'pass', ...words])
  assert.equal(code, 0, stderr)
  assert.deepEqual((JSON.parse(stdout) as { args: { command: string[] } }).args.command, words)
})

test('rejects the bytes of a surrogate, and U+FFFD if its bytes are unknown', () => {
  const given = (words: Buffer | undefined): GivenBytes => ({
    words: () => words,
    environment: () => undefined,
    folder: () => undefined,
  })
  const line = (...words: Buffer[]): Buffer =>
    Buffer.concat(words.flatMap((word) => [word, Buffer.from([0])]))
  const surrogate = Buffer.from([0xed, 0xa0, 0x80])
  const argv = ['a', surrogate.toString()]
  const typed = Buffer.from(argv[1] as string)
  assert.match(String(argumentFault(argv, given(line(Buffer.from('a'), surrogate)))), /argument 2/)
  assert.match(String(argumentFault(argv, given(undefined))), /argument 2/)
  assert.equal(argumentFault(argv, given(line(Buffer.from('a'), typed))), undefined)
  assert.equal(argumentFault(['a', 'é'], given(undefined)), undefined)
})

test('a variable that is not UTF-8 is rejected only if a command reads it', async () => {
  const run = (env: Record<string, Buffer | string | undefined>, ...words: string[]) =>
    runBytes([process.execPath, MAIN, ...words], { env })
  assert.equal((await run({ OTHER: LATIN1, HOME: LATIN1 }, 'version')).code, 0)
  for (const [env, words] of [
    [{ MUSTER_HOME: LATIN1 }, ['config', 'validate']],
    [{ MUSTER_HOME: '/nonexistent', MUSTER_CONFIG: LATIN1 }, ['config', 'validate']],
    [{ XDG_CONFIG_HOME: LATIN1 }, ['context', 'list']],
    [{ XDG_CONFIG_HOME: undefined, HOME: LATIN1 }, ['context', 'list']],
    // This launcher couldn't pass on the bytes.
    [{ MUSTER_NOT_UTF8: 'OTHER=MUSTER_HOME', MUSTER_HOME: '/x' }, ['config', 'validate']],
  ] as const) {
    const { code, stderr } = await run(env, ...words)
    assert.equal(code, 2, stderr)
    assert.match(stderr, /error: the value of the variable [A-Z_]+ is not valid UTF-8/)
  }
})

test('AL-13: --env NAME rejects a value that is not UTF-8; the error has only the name', () => {
  const bytes = (env: Record<string, Buffer>): Buffer =>
    Buffer.concat(
      Object.entries(env).flatMap(([name, value]) => [
        Buffer.from(`${name}=`),
        value,
        Buffer.from([0]),
      ]),
    )
  const own = { BAD: after('canary'), TYPED: Buffer.from('\uFFFD'), PLAIN: Buffer.from('é') }
  const env = guardedEnvironment(
    Object.fromEntries(Object.entries(own).map(([name, value]) => [name, value.toString()])),
    { words: () => undefined, environment: () => bytes(own), folder: () => undefined },
  )
  const seal = (name: string) =>
    sealEnvironment({ random: systemRandom }, { [name]: undefined }, env).values[0]?.value
  assert.deepEqual([seal('TYPED'), seal('PLAIN')], ['\uFFFD', 'é'])
  assert.throws(() => seal('BAD'), {
    message: 'the value of the variable BAD is not valid UTF-8; nothing was done',
  })
  assert.deepEqual(Object.keys(env), ['TYPED', 'PLAIN'])
})

test('in a folder whose path is not UTF-8, only commands that need the path fail', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bytes-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const cwd = Buffer.concat([Buffer.from(`${folder}/`), LATIN1])
  const made = await runBytes(['mkdir', '-p', Buffer.concat([cwd, Buffer.from('/home')])])
  assert.equal(made.code, 0)
  const run = (...words: string[]) => runBytes([process.execPath, MAIN, ...words], { cwd })
  assert.equal((await run('version')).code, 0)
  assert.equal((await run('config', 'validate', '--home', '/nonexistent')).code, 2)
  const relative = await run('config', 'validate', '--home', 'home')
  assert.equal(relative.code, 2)
  assert.match(relative.stderr, /error: the path of the working folder is not valid UTF-8/)
})
