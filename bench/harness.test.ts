/**
 * Tests the harness: the order of measurements, the reported ratio, and the report of a missing
 * rival.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../shared/clock.ts'
import { BENCHMARKS } from './benchmarks.ts'
import { inProcess, program } from './contender.ts'
import {
  type Benchmark,
  type Contender,
  formatTable,
  runBenchmark,
  saveResult,
  spread,
} from './harness.ts'
import { pair } from './pair.ts'

/** Creates a contender that reports the given seconds and records each turn. */
function claiming(name: string, seconds: readonly number[], turns: string[]): Contender {
  let turn = 0
  return {
    name,
    measure: async () => {
      turns.push(name)
      return { seconds: seconds[turn++ % seconds.length] ?? 1, cpuSeconds: 1, rssBytes: 1 << 20 }
    },
  }
}

const context = { clock: systemClock, smoke: false, folder: tmpdir() }

test('reports the median ratio of alternating rounds after a warm-up', async () => {
  const turns: string[] = []
  const benchmark: Benchmark = {
    id: 'b0',
    title: 'a job',
    floor: 2,
    goal: 4,
    rounds: 3,
    contenders: async () => [
      claiming('ours', [9, 1, 2, 4], turns),
      claiming('theirs', [9, 3, 8, 8], turns),
    ],
  }
  const rows = await runBenchmark(benchmark, context)
  assert.deepEqual(turns, ['ours', 'theirs', 'ours', 'theirs', 'theirs', 'ours', 'ours', 'theirs'])
  assert.deepEqual(rows[0]?.seconds, { median: 2, min: 1, max: 4 })
  assert.deepEqual(rows[1]?.ratio, { median: 3, min: 2, max: 4 })
  const table = formatTable(benchmark, rows, false)
  assert.match(table, /theirs\s+8\.000\s+3\.000–8\.000\s+1\.00\s+1\.0 MiB\s+3\.00×\s+2\.00–4\.00/)
  assert.match(table, /3\.00× theirs: floor reached \(floor 2×, goal 4×\)/)
  assert.match(formatTable({ ...benchmark, floor: 3.5 }, rows, false), /BELOW THE FLOOR/)
  assert.match(formatTable(benchmark, rows, true), /the figures mean nothing/)

  const folder = await mkdtemp(join(tmpdir(), 'muster-results-'))
  try {
    const saved = JSON.parse(
      await readFile(await saveResult({ clock: systemClock }, folder, benchmark, rows), 'utf8'),
    ) as {
      rows: unknown[]
    }
    assert.equal(saved.rows.length, 2)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('names a rival that is not installed, with advice, and skips it', async () => {
  const rival = program(context, {
    name: 'missing',
    command: 'no-such-program-anywhere',
    args: [],
    absent: 'install it',
  })
  const benchmark: Benchmark = {
    id: 'b0',
    title: 'a job',
    floor: 2,
    contenders: async () => [claiming('ours', [1], []), rival],
  }
  const table = formatTable(benchmark, await runBenchmark(benchmark, context), false)
  assert.match(table, /missing +absent/)
  assert.match(table, /missing is absent: install it\nno rival, no verdict/)
})

test('bench: measures jobs and programs, and reports their failures', async () => {
  const job = inProcess({
    name: 'job',
    module: join(import.meta.dirname, 'b5-chunk-groups.ts'),
    job: 'inPlace',
    argument: 1 << 20,
  })
  const first = await job.measure()
  assert(first.seconds > 0 && (first.rssBytes ?? 0) > 1 << 20 && (first.cpuSeconds ?? 0) > 0)
  await job.close?.()
  const wrong = inProcess({
    name: 'wrong',
    module: join(import.meta.dirname, 'b4-import.ts'),
    job: 'hashAndOutboard',
    argument: '/nowhere',
  })
  await assert.rejects(wrong.measure(), /wrong: .*ENOENT/)
  await wrong.close?.()
  const shell = program(context, {
    name: 'shell',
    command: 'sh',
    args: ['-c', 'echo no good >&2; exit 3'],
    absent: '',
  })
  await assert.rejects(shell.measure(), /sh ended with 3: no good/)
})

test('every listed benchmark loads and has its listed id', async () => {
  for (const [name, load] of Object.entries(BENCHMARKS))
    assert.equal((await load()).benchmark.id, name)
})

test('computes the spread of samples', () => {
  assert.deepEqual(spread([3, 1, 2]), { median: 2, min: 1, max: 3 })
  assert.deepEqual(spread([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 })
})

test('bench: a contender’s process that exits is a failure; closing it is not', async () => {
  const module = '/no/such/module.ts'
  for (const contender of [
    inProcess({ name: 'job', module, job: 'run', argument: 1 }),
    pair({ name: 'pair', module, argument: 1 }),
  ]) {
    await assert.rejects(contender.measure(), /process of (job|pair) ended with \d/)
    await contender.close?.()
  }
})
