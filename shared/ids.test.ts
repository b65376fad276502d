/** Tests id formats, and UUIDs that increase even if the clock does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentId, blobId, fingerprint, fleetId, operationId, uuidv7Generator } from './ids.ts'
import { systemClock } from './clock.ts'
import { MusterError } from './errors.ts'
import { systemRandom } from './random.ts'

test('ids: accepts only the exact spelling of each kind of id', () => {
  const uuid = '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10'
  const good: [(text: unknown) => boolean, string][] = [
    [agentId.is, uuid],
    [operationId.is, '01990000-0000-7000-8000-000000000001'],
    [blobId.is, 'ab'.repeat(32)],
    [fleetId.is, '0123456789abcdef0123456789abcdef'],
    [fingerprint.is, `SHA256:${'A'.repeat(43)}`],
  ]
  for (const [is, text] of good) {
    assert.ok(is(text), text)
    for (const bad of [
      `${text}\n`,
      ` ${text}`,
      text.slice(1),
      `${text}0`,
      '../../etc/passwd',
      '',
      null,
      7,
    ])
      assert.ok(!is(bad), String(bad))
  }
  assert.ok(
    !agentId.is(uuid.toUpperCase()) &&
      !blobId.is('AB'.repeat(32)) &&
      !fingerprint.is(`MD5:${'A'.repeat(43)}`),
  )
  assert.throws(
    () => blobId.parse('x'.repeat(1000)),
    (error) => error instanceof MusterError && error.exit === 'usage' && error.message.length < 200,
  )
})

test('ids: UUIDs of one generator increase even if the clock stops or steps back', () => {
  const clock = { ...systemClock, at: 1_769_846_400_000, now: () => clock.at }
  const next = uuidv7Generator({ clock, random: systemRandom })
  const made: string[] = []
  for (const step of [0, 1, -3_600_000, 0, 7_200_000]) {
    clock.at += step
    for (let n = 0; n < 5000; n += 1) made.push(next())
  }
  assert.deepEqual(made, made.toSorted())
  assert.equal(new Set(made).size, made.length)
  assert.ok(made.every((text) => operationId.is(text) && text[14] === '7'))
  assert.equal(
    Number.parseInt((made[0] as string).replace('-', '').slice(0, 12), 16),
    1_769_846_400_000,
  )
})
