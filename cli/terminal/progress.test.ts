/**
 * Checks that progress is redrawn only on a terminal, keeps logs readable and restores the cursor.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { width } from '../../shared/text-width.ts'
import type { ProgressMode } from './progress-display.ts'
import type { ProgressState } from './progress-text.ts'
import { createProgress } from './progress.ts'
import type { Sink } from './sink.ts'

/** Creates a progress with a clock that the test moves. `text` returns its whole output. */
function started(
  mode: ProgressMode,
  options: { columns?: number; what?: string } = {},
): {
  progress: ReturnType<typeof createProgress>
  tick: (ms: number) => void
  text: () => string
  terminal: { columns: number }
} {
  let at = 0
  let run = (): void => undefined
  let text = ''
  const clock: Clock = {
    ...systemClock,
    monotonic: () => at,
    every: (_, tick) => {
      run = tick
      return () => {
        run = () => undefined
      }
    },
  }
  const terminal = { columns: options.columns ?? 80 }
  const sink: Sink = {
    write: async (chunk) => {
      text += String(chunk)
    },
    isTTY: mode === 'tty' || mode === 'line',
    get columns() {
      return terminal.columns
    },
    style: (_, plain) => plain,
    closed: new AbortController().signal,
  }
  const progress = createProgress(
    { clock, sink },
    { what: options.what ?? 'epel9', unit: 'files', mode },
  )
  const tick = (ms: number): void => {
    at += ms
    run()
  }
  return { progress, tick, text: () => text, terminal }
}

const MIB = 1024 * 1024
const state = (more: Partial<ProgressState> = {}): ProgressState => ({
  phase: 'packages',
  count: 0,
  of: 2,
  bytes: 20 * MIB,
  total: 100 * MIB,
  ...more,
})

test('progress: without a terminal prints lines with count, bytes, rate and time', () => {
  const { progress, tick, text } = started('plain')
  progress.state(state({ bytes: 0 }))
  progress.state(state())
  tick(10_000)
  assert.equal(text(), 'epel9: packages 0/2 files 20% 20.0 MiB/100 MiB 2.0 MiB/s ETA 40s\n')
  progress.state(state({ count: 1, bytes: 50 * MIB }))
  progress.log('a: retried')
  tick(10_000)
  assert.match(text(), /\na: retried\nepel9: packages 1\/2 files 50% 50\.0 MiB\/100 MiB /)
  progress.stop('epel9: done')
  progress.stop('twice')
  tick(10_000)
  assert.ok(text().endsWith('\nepel9: done\n'))
  assert.ok(!text().includes('\u001b'))
})

test('progress: never shows more than the whole work, and counts no byte twice', () => {
  for (const mode of ['plain', 'json', 'tty', 'line'] as const) {
    const { progress, tick, text } = started(mode)
    // A sync reports all bytes since its start each time.
    for (let count = 0; count <= 16; count += 1) {
      progress.state(state({ count, of: 16, bytes: count * MIB, total: 16 * MIB }))
      tick(1000)
    }
    assert.doesNotMatch(text(), /1[7-9]\.\d MiB|[2-9]\d\.\d MiB|\d{3} MiB|ETA -\d|-\d+\.\d+s/)
    if (mode === 'json') {
      const lines = text().trimEnd().split('\n')
      const last = JSON.parse(lines.at(-1) ?? '') as object
      assert.deepEqual(last, {
        type: 'progress',
        what: 'epel9',
        phase: 'packages',
        done: 16 * MIB,
        total: 16 * MIB,
        count: 16,
        of: 16,
      })
    } else assert.match(text(), /100% 16\.0 MiB\/16\.0 MiB 1\.0 MiB\/s ETA 0\.0s/)
  }
})

test('progress: a retry and a wrong total give no negative time', () => {
  const { progress, tick, text } = started('plain')
  for (const bytes of [50, 10, 10, 120]) {
    progress.state(state({ bytes: bytes * MIB }))
    tick(10_000)
  }
  assert.doesNotMatch(text(), /ETA -\d|-\d|NaN|Infinity|1[0-9]{2}%.*1[0-9]{2}%/)
  assert.match(text(), /100% 120 MiB\/100 MiB/)
})

test('progress: on a terminal redraws two lines in place, and restores the cursor', () => {
  const { progress, tick, text } = started('tty')
  progress.state(state())
  tick(1000)
  const frame = text().slice('\u001b[?25l'.length)
  assert.equal(
    frame,
    `epel9: packages 0/2 files\n  ${'━'.repeat(30)} 20% 20.0 MiB/100 MiB 20.0 MiB/s ETA 4.0s\n`,
  )
  tick(100)
  assert.ok(text().includes('\u001b[2A\u001b[0J'))
  progress.log('retried one file')
  assert.ok(text().includes('\u001b[2A\u001b[0Jretried one file\nepel9: '))
  progress.stop()
  assert.ok(text().endsWith('\u001b[2A\u001b[0J\u001b[?25h'))
})

test('progress: lines fit the terminal, also after it became narrower', () => {
  for (const columns of [200, 80, 40, 20, 10])
    for (const mode of ['tty', 'line'] as const) {
      const { progress, tick, text } = started(mode, { columns, what: `名前-${'x'.repeat(60)}` })
      progress.state(state())
      tick(1000)
      for (const line of text()
        .replace(/\u001b\[\??\d+[A-Za-z]/g, '')
        .split(/[\r\n]/))
        assert.ok(width(line) < columns, `${columns}: ${line}`)
    }
  const { progress, tick, text, terminal } = started('tty')
  progress.state(state())
  tick(1000)
  terminal.columns = 40
  tick(100)
  assert.ok(text().includes('\u001b[3A\u001b[0J'), 'the second line takes two rows now')
})

test('progress: without colours sends only text and carriage returns', () => {
  const { progress, tick, text } = started('line')
  progress.state(state())
  tick(1000)
  progress.log('note')
  progress.stop('done')
  assert.doesNotMatch(text(), /\u001b/)
  assert.match(
    text(),
    /^epel9: packages 0\/2 files 20% [^\n]*\r +\rnote\nepel9: [^\n]*\r +\rdone\n$/,
  )
})

test('progress: writes JSON objects with -o json, and nothing with -q', () => {
  const json = started('json')
  json.progress.state(state())
  json.tick(10_000)
  json.progress.log('x')
  const lines = json
    .text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string })
  assert.deepEqual(
    lines.map(({ type }) => type),
    ['progress', 'note'],
  )
  const none = started('none')
  none.progress.state(state())
  none.tick(10_000)
  none.progress.log('x')
  none.progress.stop('x')
  assert.equal(none.text(), '')
})

test('progress: zero totals give no NaN or Infinity', () => {
  for (const mode of ['plain', 'tty', 'line'] as const) {
    const { progress, tick, text } = started(mode)
    progress.state(state({ of: 0, bytes: 0, total: 0 }))
    tick(10_000)
    progress.state(state({ of: 1, bytes: 1, total: 0 }))
    tick(10_000)
    assert.doesNotMatch(text(), /NaN|Infinity|undefined/)
    progress.stop()
  }
})

test('progress: makes control characters of a phase visible', () => {
  const { progress, tick, text } = started('plain')
  progress.state(state({ phase: '\u001b[2Jpackages' }))
  tick(10_000)
  assert.match(text(), /^epel9: \\u001b\[2Jpackages 0\/2 files/)
})
