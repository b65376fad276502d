/** Progress is drawn only on a terminal, leaves logs readable and gives the cursor back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '../shared/clock.ts'
import { createProgress, type ProgressMode } from './progress.ts'
import type { Sink } from './sink.ts'

/** A progress on a clock that ticks when told to, and all that it wrote. */
function started(mode: ProgressMode): {
  progress: ReturnType<typeof createProgress>
  tick: (ms: number) => void
  text: () => string
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
  const sink: Sink = {
    write: async (chunk) => {
      text += String(chunk)
    },
    isTTY: mode === 'tty',
    columns: 80,
    style: (_, plain) => plain,
    closed: new AbortController().signal,
  }
  const progress = createProgress({ clock, sink }, { what: 'epel9', unit: 'files', mode })
  const tick = (ms: number): void => {
    at += ms
    run()
  }
  return { progress, tick, text: () => text }
}

const MIB = 1024 * 1024

test('progress: off a terminal it is whole lines with count, bytes, rate and time left', () => {
  const { progress, tick, text } = started('plain')
  progress.total({ count: 2, bytes: 100 * MIB, phase: 'packages' })
  progress.update('a', { name: 'a.rpm', done: 0, size: 50 * MIB })
  progress.update('a', { name: 'a.rpm', done: 20 * MIB, size: 50 * MIB })
  tick(10_000)
  assert.equal(text(), 'epel9: packages 0/2 files 20.0 MiB/100 MiB 20% 2.0 MiB/s ETA 40s\n')
  progress.finish('a', 50 * MIB)
  progress.log('a: retried')
  tick(10_000)
  assert.match(text(), /\na: retried\nepel9: packages 1\/2 files 50\.0 MiB\/100 MiB 50% /)
  progress.stop('epel9: done')
  progress.stop('twice')
  tick(10_000)
  assert.ok(text().endsWith('\nepel9: done\n'))
  assert.ok(!text().includes('\u001b'))
})

test('progress: on a terminal bars are redrawn in place and the cursor comes back', () => {
  const { progress, tick, text } = started('tty')
  progress.total({ count: 9, bytes: 9 * MIB })
  for (let i = 0; i < 8; i += 1)
    progress.update(String(i), { name: `p-${i}-${'x'.repeat(100)}.rpm`, done: MIB / 2, size: MIB })
  tick(100)
  const frame = text().slice('\u001b[?25l'.length)
  const lines = frame.trimEnd().split('\n')
  assert.equal(lines.length, 8, 'six bars, one line for the rest, the sum')
  assert.ok(
    lines.every((line) => line.length <= 80),
    frame,
  )
  assert.match(frame, /━{20} +512 KiB\n/)
  assert.match(frame, / {2}… and 2 more\nepel9: 0\/9 files 4\.0 MiB\/9\.0 MiB 44%/)
  tick(100)
  assert.ok(text().includes('\u001b[8A\u001b[0J'))
  progress.stop()
  assert.ok(text().endsWith('\u001b[8A\u001b[0J\u001b[?25h'))
})

test('progress: JSON lines are objects, and quiet is silent', () => {
  const json = started('json')
  json.progress.total({ count: 1, bytes: 10 })
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
  none.progress.update('a', { name: 'a', done: 1, size: 1 })
  none.tick(10_000)
  none.progress.log('x')
  none.progress.stop('x')
  assert.equal(none.text(), '')
})

test('progress: an empty repository and sizes of nothing do not divide by zero', () => {
  for (const mode of ['plain', 'tty'] as const) {
    const { progress, tick, text } = started(mode)
    progress.total({ count: 1, bytes: 0 })
    progress.update('a', { name: 'empty', done: 0, size: 0 })
    tick(10_000)
    assert.doesNotMatch(text(), /NaN|Infinity|undefined/)
    progress.stop()
  }
})
