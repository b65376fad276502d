import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { describeRun } from '../../shared/describe-run.ts'
import { program } from './testing/programs.ts'
import { eventually, openRunnerHome, type RunnerHome } from './testing/runner-home.ts'

const MIB = 1024 * 1024
let runner: RunnerHome
before(async () => {
  runner = await openRunnerHome()
})
after(() => runner[Symbol.asyncDispose]())

test('PC-11: keeps the beginning and the end of a flood of output', async () => {
  const { run } = await runner.start(
    ['head', '-c', String(40 * MIB), '/dev/zero'],
    {},
    { outputBytes: 2 * MIB },
  )
  const ended = await runner.client.wait(run)
  assert.equal(describeRun(ended), 'exited: 0')
  const { stdout, dropped } = await runner.output(run)
  assert.equal(stdout.length + dropped, 40 * MIB)
  assert.ok(stdout.length <= 2 * MIB && stdout.length > 1.7 * MIB)
  assert.ok(stdout.every((byte) => byte === 0))
  const status = await runner.client.status(run)
  assert.deepEqual(
    [status.outputBytes, status.droppedBytes],
    [{ stdout: 40 * MIB, stderr: 0 }, dropped],
  )
})

test('PC-11: readers do not slow a run or other readers', async () => {
  const { run } = await runner.start(
    ['sh', '-c', 'seq 1 300000; sleep 616'],
    {},
    { outputBytes: 8 * MIB },
  )
  const stuck = runner.client.follow(run)[Symbol.asyncIterator]()
  assert.equal((await stuck.next()).done, false)
  const read = async (): Promise<number> => {
    let bytes = 0
    for await (const part of runner.client.follow(run)) bytes += part.bytes.length
    return bytes
  }
  const readers = Array.from({ length: 20 }, read)
  const size = Array.from({ length: 300_000 }, (_, index) => String(index + 1).length + 1).reduce(
    (sum, length) => sum + length,
    0,
  )
  await eventually(
    'the run has written everything',
    async () => (await runner.client.status(run)).outputBytes.stdout === size,
  )
  await runner.client.stop(run, { graceMs: 0 })
  assert.deepEqual(
    await Promise.all(readers),
    Array.from({ length: 20 }, () => size),
  )
  await stuck.return?.(undefined)
})

test('PC-12: a run ends although a grandchild has its pipes open', async () => {
  const { run } = await runner.start(['sh', '-c', 'sleep 617 & echo started'])
  assert.equal(describeRun(await runner.client.wait(run)), 'exited: 0')
  assert.equal((await runner.output(run)).stdout.toString(), 'started\n')
  await runner.client.stop(run, { graceMs: 0 })
})

test('PC-12: output of a grandchild shortly after the end is kept', async () => {
  const closed = await runner.start(['sh', '-c', 'exec >&- 2>&-; exec sleep 618'])
  assert.equal(describeRun(await runner.client.status(closed.run)), 'running')
  await runner.client.stop(closed.run, { graceMs: 0 })
  const late = await runner.start(['sh', '-c', '(sleep 0.3; echo late) & echo early'])
  assert.equal((await runner.output(late.run)).stdout.toString(), 'early\nlate\n')
})

test('PC-12: a grandchild that writes after the end of the run does not block', async () => {
  const { run } = await runner.start([
    'sh',
    '-c',
    '(sleep 2.5; head -c 1000000 /dev/zero; touch "$1") & echo done',
    'sh',
    `${runner.home}/unstuck`,
  ])
  assert.equal((await runner.output(run)).stdout.toString(), 'done\n')
  await eventually('the grandchild went on', () => existsSync(`${runner.home}/unstuck`))
})

test('PC-13: output is kept byte for byte', async () => {
  const script =
    'printf "\\377\\376\\000\\200\\033]52;c;x\\007\\r\\n"; printf "\\xc3(" >&2; ' +
    'head -c 3000000 /dev/zero | tr "\\0" a'
  const { run } = await runner.start(['bash', '-c', script])
  const { stdout, stderr } = await runner.output(run)
  assert.deepEqual(
    stdout.subarray(0, 15),
    Buffer.from('\xff\xfe\0\x80\x1b]52;c;x\x07\r\n', 'latin1'),
  )
  assert.ok(stdout.subarray(15).every((byte) => byte === 0x61))
  assert.equal(stdout.length, 3_000_015)
  assert.deepEqual(stderr, Buffer.from('\xc3(', 'latin1'))
})

test('keeps stdout and stderr separate, each in its order', async () => {
  const { run } = await runner.start([program('flood-both.sh'), '10000'])
  const { stdout, stderr } = await runner.output(run)
  const lines = (word: string): string =>
    Array.from({ length: 10_000 }, (_, index) => `${word} ${index + 1}\n`).join('')
  assert.equal(stdout.toString(), lines('out'))
  assert.equal(stderr.toString(), lines('err'))
})

test('a script that writes to /dev/stderr loses no earlier output', async () => {
  const { run } = await runner.start([
    'sh',
    '-c',
    'echo one >&2; echo two >/dev/stderr; echo three >/dev/stdout; echo four >&2',
  ])
  const { stdout, stderr } = await runner.output(run)
  assert.deepEqual([stdout.toString(), stderr.toString()], ['three\n', 'one\ntwo\nfour\n'])
})

test('PC-14: output can be read from any offset at any time', async () => {
  const { run } = await runner.start(['sh', '-c', 'echo 0123456789; sleep 619'])
  await eventually(
    'ten digits',
    async () => (await runner.client.status(run)).outputBytes.stdout === 11,
  )
  const leave = new AbortController()
  const heard: string[] = []
  await assert.rejects(async () => {
    for await (const { offset, bytes } of runner.client.follow(
      run,
      { offsets: { stdout: 4 } },
      leave.signal,
    )) {
      heard.push(`${offset}:${Buffer.from(bytes)}`)
      leave.abort(new Error('enough'))
    }
  }, /enough/)
  assert.deepEqual(heard, ['4:456789\n'])
  const middle = await runner.client.read(run, 'stdout', 3, 4)
  assert.deepEqual(
    [Buffer.from(middle.bytes).toString(), middle.size, middle.end],
    ['3456', 11, false],
  )
  assert.equal(describeRun(await runner.client.stop(run, { graceMs: 1000 })), 'stopped')
  const end = await eventually('the output has ended', async () => {
    const read = await runner.client.read(run, 'stdout', 9, 100)
    return read.end ? read : undefined
  })
  assert.equal(Buffer.from(end.bytes).toString(), '9\n')
})
