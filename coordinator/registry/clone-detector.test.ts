import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { recordedLog } from '../../shared/testing/recorded-log.ts'
import { createCloneDetector } from './clone-detector.ts'

/** Creates a detector whose timers the test runs. Its log records each disconnection. */
function manualDetector() {
  let check = (): void => undefined
  const clock: Clock = {
    ...systemClock,
    every: (_ms, run) => {
      check = run
      return () => undefined
    },
    after: (_ms, run) => {
      run()
      return () => undefined
    },
  }
  const disconnected: string[] = []
  const log = recordedLog()
  const disconnect = (peer: string): number => disconnected.push(peer)
  const detector = createCloneDetector({ clock, log, disconnect })
  const arrive = (instance: string, elsewhere = false, peerId = 'P'): void =>
    detector.recordArrival({ peerId, instance, address: `at-${instance}`, elsewhere })
  return { detector, arrive, disconnected, log, check: () => check() }
}

test('ID-30: a restarted agent stays one host, and its old connection is closed once', () => {
  const { detector, arrive, disconnected, log } = manualDetector()
  arrive('a')
  arrive('a', true)
  arrive('b')
  // The host lost its power, and the old connection seems to be open. No agent reconnects.
  arrive('c', true)
  arrive('c')
  for (let n = 0; n < 100; n++) arrive(`later-${n}`)
  arrive('other', false, 'Q')
  assert.deepEqual(disconnected, ['P'])
  assert.equal(detector.of('P'), undefined)
  assert.deepEqual(log.lines, [])
})

test('ID-30: two agents with one key are detected and logged once, with addresses', () => {
  const { detector, arrive, disconnected, log } = manualDetector()
  arrive('original')
  arrive('clone', true)
  assert.deepEqual(disconnected, ['P'])
  assert.equal(detector.of('P'), undefined)
  arrive('clone')
  arrive('original', true)
  assert.deepEqual(detector.of('P'), ['at-clone', 'at-original'])
  arrive('clone', true)
  assert.deepEqual(disconnected, ['P'])
  assert.deepEqual(
    log.lines.map(({ level, data }) => [level, data['addresses']]),
    [['error', ['at-clone', 'at-original']]],
  )
  assert.equal(detector.of('Q'), undefined)
})

test('ID-30: a host is no longer copied when only one of its agents reconnects', () => {
  const { detector, arrive, disconnected, log, check } = manualDetector()
  arrive('original')
  arrive('clone', true)
  arrive('original')
  check()
  assert.equal(disconnected.length, 2)
  assert.equal(detector.of('P')?.length, 2)
  arrive('clone')
  assert.equal(detector.of('P')?.length, 2)
  arrive('original')
  check()
  assert.equal(disconnected.length, 3)
  // The clone was switched off.
  arrive('original')
  check()
  assert.equal(detector.of('P'), undefined)
  assert.equal(log.lines.at(-1)?.message, 'the host runs on one machine again')
  check()
  assert.equal(disconnected.length, 3)
})
