/** A sync sends few reports, and the last report has the last state. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import { createReporter } from './sync-reporter.ts'

test('sync reporter: reports the last change without a further event', async () => {
  const reports: { what: string; done: number }[] = []
  let release = (): void => undefined
  let at = 0
  const timers: (() => void)[] = []
  const clock = {
    ...systemClock,
    monotonic: () => at,
    after: (_ms: number, run: () => void) => {
      timers.push(run)
      return () => undefined
    },
  }
  const reporter = createReporter(
    { clock },
    {
      progress: (report) => {
        reports.push(report)
        return new Promise<void>((resolve) => {
          release = resolve
        })
      },
    },
  )
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  reporter.onEvent({ type: 'total', files: 2, bytes: 100 })
  reporter.onEvent({ type: 'phase', phase: 'packages' })
  reporter.onEvent({ type: 'file', file: 'a', done: 40, size: 100 })
  assert.deepEqual(
    reports.map(({ what }) => what),
    ['metadata'],
    'one at a time',
  )
  at = 1_000
  release()
  await settled()
  assert.deepEqual([reports.length, reports[1]?.what, reports[1]?.done], [2, 'packages', 40])
  release()
  await settled()
  reporter.onEvent({ type: 'file', file: 'a', done: 50, size: 100 })
  assert.equal(reports.length, 2, 'too early')
  at = 2_000
  for (const run of timers.splice(0)) run()
  assert.equal(reports[2]?.done, 50)
  release()
  await settled()
  assert.deepEqual([reports.length, timers.length], [3, 0], 'nothing changed since')
})
