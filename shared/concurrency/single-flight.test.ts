import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SingleFlight } from './single-flight.ts'

test('single flight: callers of one key share the running work', async () => {
  const flights = new SingleFlight<string, number>()
  const { promise: release, resolve: go } = Promise.withResolvers<void>()
  let started = 0
  const work = async (): Promise<number> => {
    started += 1
    const mine = started
    await release
    return mine
  }
  const all = Promise.all([flights.run('a', work), flights.run('a', work), flights.run('b', work)])
  go()
  assert.deepEqual(await all, [1, 1, 2])
  assert.equal(await flights.run('a', work), 3)
})

test('single flight: work that failed is started again by the next caller', async () => {
  const flights = new SingleFlight<string, string>()
  const fail = () => Promise.reject<string>(new Error('no'))
  await assert.rejects(flights.run('a', fail), /no/)
  assert.equal(await flights.run('a', async () => 'yes'), 'yes')
})

test('single flight: idle waits for the running work, also if it fails', async () => {
  const flights = new SingleFlight<string, string>()
  const { promise: release, reject } = Promise.withResolvers<string>()
  const failed = assert.rejects(
    flights.run('a', () => release),
    /no/,
  )
  const idle = flights.idle()
  reject(new Error('no'))
  await Promise.all([failed, idle])
})
