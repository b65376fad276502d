/**
 * Runs a Muster job and its rivals one after another in every round, so that other load affects all
 * of them. Reports the median of the rounds' ratios, because ratios can be compared between
 * machines. Prints a table and writes every sample as JSON.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { type Clock, rfc3339 } from '../shared/clock.ts'
import { formatSize } from '../shared/units.ts'

/** One measurement of one job. */
export interface Sample {
  readonly seconds: number
  /** The user and system time of all processes of the job, if known. */
  readonly cpuSeconds?: number
  /** Peak resident memory. */
  readonly rssBytes?: number
  /** Other numbers, such as the bytes that a provider sent. */
  readonly notes?: Readonly<Record<string, number>>
}

/** Muster or one of its rivals. */
export interface Contender {
  readonly name: string
  /** The advice for the user if a rival can't run here. The rival is listed and not measured. */
  readonly absent?: string
  measure(): Promise<Sample>
  close?(): Promise<void>
}

export interface BenchmarkContext {
  readonly clock: Clock
  /**
   * True to test the benchmark in seconds instead of minutes. The sizes are small, and the numbers
   * are useless.
   */
  readonly smoke: boolean
  /** An empty temporary folder, which is removed afterwards. */
  readonly folder: string
}

export interface Benchmark {
  /** The id in the list of goals: `b4`. */
  readonly id: string
  readonly title: string
  /**
   * The required and the desired ratio to the first rival: Muster's speed divided by the rival's.
   * Absent without a rival.
   */
  readonly floor?: number
  readonly goal?: number
  readonly rounds?: number
  /** Returns remarks that explain the numbers. Called after the rounds. */
  remarks?(): readonly string[]
  /** Sets up and returns Muster, then the rival of the required ratio, then others. */
  contenders(context: BenchmarkContext): Promise<readonly [Contender, ...Contender[]]>
}

export interface Row {
  readonly name: string
  readonly absent?: string
  readonly samples: readonly Sample[]
  readonly seconds: Spread
  /** Muster's speed divided by this one's in the same round. Above 1, Muster is faster. */
  readonly ratio?: Spread
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

const ROUNDS = 5
const SMOKE_ROUNDS = 1

/** Runs all rounds after an uncounted warm-up round. */
export async function runBenchmark(
  benchmark: Benchmark,
  context: BenchmarkContext,
): Promise<Row[]> {
  const contenders = await benchmark.contenders(context)
  try {
    const present = contenders.filter(({ absent }) => absent === undefined)
    const samples = new Map<Contender, Sample[]>(present.map((contender) => [contender, []]))
    const rounds = context.smoke ? SMOKE_ROUNDS : (benchmark.rounds ?? ROUNDS)
    if (!context.smoke) for (const contender of present) await contender.measure()
    for (let round = 0; round < rounds; round += 1) {
      // Every second round has the reverse order, so that the order doesn't favour a contender.
      for (const contender of round % 2 === 0 ? present : present.toReversed())
        samples.get(contender)?.push(await contender.measure())
    }
    const ours = samples.get(contenders[0]) ?? []
    return contenders.map((contender, i) =>
      rowOf(contender, samples.get(contender) ?? [], i === 0 ? undefined : ours),
    )
  } finally {
    for (const contender of contenders) await contender.close?.()
  }
}

function rowOf(
  contender: Contender,
  samples: readonly Sample[],
  ours: readonly Sample[] | undefined,
): Row {
  const seconds = spread(samples.map((sample) => sample.seconds))
  const row = { name: contender.name, samples, seconds }
  if (contender.absent !== undefined) return { ...row, absent: contender.absent }
  return ours === undefined
    ? row
    : {
        ...row,
        ratio: spread(
          samples.map((sample, i) => sample.seconds / (ours[i]?.seconds ?? Number.NaN)),
        ),
      }
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1
      ? sorted[middle]
      : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
  return {
    median: median ?? Number.NaN,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  }
}

/** Returns the table as text. */
export function formatTable(benchmark: Benchmark, rows: readonly Row[], smoke: boolean): string {
  const lines = [['', 'seconds', 'min–max', 'CPU s', 'RSS', 'ours is', 'min–max']]
  for (const { name, absent, samples, seconds, ratio } of rows) {
    if (absent !== undefined) {
      lines.push([name, 'absent', '', '', '', '', ''])
      continue
    }
    const median = (pick: (sample: Sample) => number | undefined): number | undefined => {
      const known = samples.map(pick).filter((value) => value !== undefined)
      return known.length === 0 ? undefined : spread(known).median
    }
    const [cpu, rss] = [median((sample) => sample.cpuSeconds), median((sample) => sample.rssBytes)]
    lines.push([
      name,
      seconds.median.toFixed(3),
      `${seconds.min.toFixed(3)}–${seconds.max.toFixed(3)}`,
      cpu?.toFixed(2) ?? '–',
      rss === undefined ? '–' : formatSize(rss),
      ratio === undefined ? '' : `${ratio.median.toFixed(2)}×`,
      ratio === undefined ? '' : `${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}`,
    ])
  }
  const widths = (lines[0] as string[]).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] as string).length)),
  )
  const table = lines.map((line) =>
    line
      .map((cell, i) =>
        i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number),
      )
      .join('  '),
  )
  const absent = rows.flatMap((row) =>
    row.absent === undefined ? [] : [`${row.name} is absent: ${row.absent}`],
  )
  const verdict = smoke ? ['smoke run: the figures mean nothing'] : verdictOf(benchmark, rows)
  return [
    `${benchmark.id.toUpperCase()}  ${benchmark.title}`,
    ...table,
    ...absent,
    ...(benchmark.remarks?.() ?? []),
    ...verdict,
  ].join('\n')
}

function verdictOf({ floor, goal }: Benchmark, rows: readonly Row[]): string[] {
  const ratio = rows[1]?.ratio?.median
  if (floor === undefined) return []
  if (ratio === undefined) return ['no rival, no verdict']
  const place =
    goal !== undefined && ratio >= goal
      ? 'goal reached'
      : ratio >= floor
        ? 'floor reached'
        : 'BELOW THE FLOOR'
  return [`${ratio.toFixed(2)}× ${rows[1]?.name}: ${place} (floor ${floor}×, goal ${goal ?? '–'}×)`]
}

/** Writes rows, samples and data of the machine to `<folder>/<id>.json`. */
export async function saveResult(
  deps: { clock: Clock },
  folder: string,
  benchmark: Benchmark,
  rows: readonly Row[],
): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${benchmark.id}.json`)
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
    node: process.version,
  }
  const { id, title, floor, goal } = benchmark
  const result = {
    id,
    title,
    floor,
    goal,
    at: rfc3339(deps.clock.now()),
    machine,
    remarks: benchmark.remarks?.() ?? [],
    rows,
  }
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`)
  return path
}
