import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { systemRandom } from '../../shared/random.ts'
import { RECENT_MS, reconnectPauseMs } from './reconnect.ts'

const at = (fraction: number) => ({ random: { ...systemRandom, fraction: () => fraction } })
const failures = fc.nat(1_000)
const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('TR-13: a host that was connected recently waits at most four seconds', () => {
  fc.assert(
    fc.property(failures, fraction, fc.nat(RECENT_MS - 1), (count, part, awayMs) => {
      const pause = reconnectPauseMs(at(part), { failures: count, awayMs })
      assert.ok(pause >= 0 && pause < 4_000)
    }),
  )
})

test('TR-13: a host that was away longer or never connected waits up to a minute', () => {
  fc.assert(
    fc.property(failures, fraction, fc.option(fc.nat(RECENT_MS)), (count, part, more) => {
      const awayMs = more === null ? undefined : RECENT_MS + more
      const pause = reconnectPauseMs(at(part), { failures: count, awayMs })
      assert.ok(pause >= 0 && pause < 60_000)
      assert.ok(count < 7 || pause === part * 60_000)
    }),
  )
})

test('TR-13: the attempts of a large fleet are spread over the pause', () => {
  const hosts = 10_000
  for (const count of [0, 1, 2, 3, 20]) {
    const pauses = Array.from({ length: hosts }, (_, n) =>
      reconnectPauseMs(at(n / hosts), { failures: count, awayMs: 1_000 }),
    )
    const ceiling = Math.min(4_000, 1_000 * 2 ** count)
    const slots = new Map<number, number>()
    for (const pause of pauses) {
      const slot = Math.floor(pause / 100)
      slots.set(slot, (slots.get(slot) ?? 0) + 1)
    }
    // Each tenth of a second has a similar number of hosts.
    assert.equal(slots.size, ceiling / 100)
    assert.ok(Math.max(...slots.values()) <= Math.ceil((hosts * 100) / ceiling) + 1)
  }
})
