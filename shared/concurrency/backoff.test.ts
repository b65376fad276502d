/** Checks that backoff stays within its limits, is random, and ends on abort. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs, parseRetryAfter, retry } from './backoff.ts'
import { type Clock, systemClock } from '../clock.ts'
import { type Random, systemRandom } from '../random.ts'

const top: Random = { bytes: systemRandom.bytes, fraction: () => 0.999999 }
const options = { baseMs: 100, maxMs: 5000 }

/** A clock whose sleeps return at once and are recorded. */
function notingClock(): { clock: Clock; waits: number[] } {
  const waits: number[] = []
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted()
    waits.push(ms)
  }
  return { clock: { ...systemClock, sleep }, waits }
}

test('backoff doubles up to its maximum', () => {
  const waits = [0, 1, 2, 3, 10, 1000].map((attempt) =>
    Math.round(backoffMs({ random: top }, options, attempt)),
  )
  assert.deepEqual(waits, [100, 200, 400, 800, 5000, 5000])
})

test('backoff is never negative and never above its maximum', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.double({ min: 0, max: 0.9999999, noNaN: true }),
      (attempt, fraction) => {
        const ms = backoffMs(
          { random: { bytes: top.bytes, fraction: () => fraction } },
          options,
          attempt,
        )
        assert.ok(ms >= 0 && ms <= options.maxMs)
      },
    ),
  )
})

test('retry repeats retryable failures, then throws the last error', async () => {
  const { clock, waits } = notingClock()
  let tries = 0
  const failing = retry(
    { clock, random: top },
    { ...options, retries: 3, retryable: () => true },
    async () => {
      tries += 1
      throw new Error(`try ${tries}`)
    },
  )
  await assert.rejects(failing, { message: 'try 4' })
  assert.equal(waits.length, 3)
})

test('retry does not repeat a permanent failure', async () => {
  const { clock, waits } = notingClock()
  const failing = retry(
    { clock, random: top },
    { ...options, retries: 3, retryable: () => false },
    async () => {
      throw new Error('final')
    },
  )
  await assert.rejects(failing, { message: 'final' })
  assert.deepEqual(waits, [])
})

test('retry waits as long as the peer requests, up to its maximum', async () => {
  const { clock, waits } = notingClock()
  const asks = [2000, 90_000]
  const work = async (attempt: number): Promise<string> => {
    if (attempt < 2) throw new Error('busy')
    return 'done'
  }
  const askedMs = (): number => asks[waits.length] as number
  assert.equal(
    await retry(
      { clock, random: top },
      { ...options, retries: 5, retryable: () => true, askedMs },
      work,
    ),
    'done',
  )
  assert.deepEqual(waits, [2000, 5000])
})

test('an abort ends a wait with the reason of the signal', async () => {
  const abort = new AbortController()
  const onRetry = (): void => abort.abort(new Error('enough'))
  const failing = retry(
    { clock: systemClock, random: top },
    {
      baseMs: 60_000,
      maxMs: 60_000,
      retries: 3,
      retryable: () => true,
      onRetry,
      signal: abort.signal,
    },
    async () => {
      throw new Error('busy')
    },
  )
  await assert.rejects(failing, { message: 'enough' })
})

test('Retry-After: parses seconds and dates only', () => {
  const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT')
  assert.equal(parseRetryAfter('120', now), 120_000)
  assert.equal(parseRetryAfter('Wed, 21 Oct 2015 07:28:10 GMT', now), 10_000)
  assert.equal(parseRetryAfter('Wed, 21 Oct 2015 07:00:00 GMT', now), 0)
  for (const bad of [
    null,
    undefined,
    '',
    '-1',
    '1.5',
    'soon',
    '2026-01-01',
    '99999999999999999999',
  ])
    assert.equal(parseRetryAfter(bad, now), undefined)
})
