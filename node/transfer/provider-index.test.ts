import assert from 'node:assert/strict'
import test from 'node:test'
import { generateKey } from '../../shared/identity/signer.ts'
import { peerIdOfKey } from '../../shared/identity/peer-id.ts'
import { type BlobId, blobId } from '../../shared/ids.ts'
import { systemClock } from '../../shared/clock.ts'
import { systemRandom } from '../../shared/random.ts'
import { MAX_RANGES } from '../../protocols/blobs/messages.ts'
import { plausible } from '../libp2p/address.ts'
import { EXPIRES_MS, createProviderIndex } from './provider-index.ts'

const id = (digit: string): BlobId => blobId.parse(digit.repeat(64))
const peer = (): string => peerIdOfKey(generateKey({ random: systemRandom }).publicKey)
const holds = (...ids: BlobId[]) => ({
  addresses: ['/ip4/192.0.2.7/tcp/7400'],
  holds: ids.map((blob) => ({ id: blob, size: 10 })),
  drops: [],
})
const SEEN = '/ip4/192.0.2.7/tcp/50000'

test('provider index: applies announcements, additions, removals and departures', () => {
  const index = createProviderIndex({ clock: systemClock, random: systemRandom })
  const [a, b] = [peer(), peer()]
  assert.equal(index.announce(a, SEEN, holds(id('1'), id('2'))), EXPIRES_MS)
  index.announce(b, SEEN, {
    addresses: [],
    holds: [{ id: id('1'), size: 10, ranges: [{ start: 0, end: 5 }] }],
    drops: [],
  })
  assert.deepEqual(
    index.find(id('1'), undefined).map((found) => [found.peer, found.ranges?.length ?? 'all']),
    [
      [a, 'all'],
      [b, 1],
    ],
  )
  assert.deepEqual(
    index.find(id('1'), a).map((found) => found.peer),
    [b],
  )
  index.announce(a, SEEN, { addresses: [], holds: [], drops: [id('2')] })
  assert.deepEqual(index.find(id('2'), undefined), [])
  assert.equal(index.size, 3, 'a range of a partial blob counts too')
  index.drop(a)
  index.drop(b)
  assert.equal(index.size, 0)
  assert.deepEqual(index.find(id('1'), undefined), [])
})

test('provider index: has all blobs of a host after its last message', () => {
  let now = 0
  const index = createProviderIndex({
    clock: { ...systemClock, monotonic: () => now },
    random: systemRandom,
  })
  const a = peer()
  assert.equal(index.knowsAll(a), false)
  index.announce(a, SEEN, holds(id('1')))
  assert.equal(index.knowsAll(a), false)
  index.announce(a, SEEN, { ...holds(id('2')), all: true })
  index.announce(a, SEEN, holds(id('3')))
  assert.equal(index.knowsAll(a), true)
  now = EXPIRES_MS
  assert.equal(index.knowsAll(a), false)
  index.drop(a)
  index.announce(a, SEEN, holds())
  assert.equal(index.knowsAll(a), false)
})

test('provider index: an announcement expires if it is not repeated', () => {
  let now = 0
  const index = createProviderIndex({
    clock: { ...systemClock, monotonic: () => now },
    random: systemRandom,
  })
  const a = peer()
  index.announce(a, SEEN, holds(id('1')))
  now = EXPIRES_MS - 1
  assert.equal(index.find(id('1'), undefined).length, 1)
  now = EXPIRES_MS
  assert.equal(index.find(id('1'), undefined).length, 0)
  assert.equal(index.size, 0)
})

test('provider index: limits the entries of one peer and keeps its newest ones', () => {
  const index = createProviderIndex({ clock: systemClock, random: systemRandom })
  const a = peer()
  const blob = (n: number): BlobId => blobId.parse(n.toString(16).padStart(64, '0'))
  for (let start = 0; start < 101_000; start += 1000)
    index.announce(a, SEEN, holds(...Array.from({ length: 1000 }, (_, i) => blob(start + i))))
  assert.equal(index.size, 100_000)
  assert.equal(index.find(blob(0), undefined).length, 0)
  assert.equal(index.find(blob(100_999), undefined).length, 1)
})

test('provider index: ranges of partial blobs count towards the limit', () => {
  const index = createProviderIndex({ clock: systemClock, random: systemRandom })
  const a = peer()
  const blob = (n: number): BlobId => blobId.parse(n.toString(16).padStart(64, '0'))
  const ranges = Array.from({ length: MAX_RANGES }, (_, i) => ({ start: i * 20, end: i * 20 + 10 }))
  for (let n = 0; n < 3_000; n += 1)
    index.announce(a, SEEN, {
      addresses: [],
      holds: [{ id: blob(n), size: 10_000, ranges }],
      drops: [],
    })
  assert.ok(index.size <= 100_000, `${index.size}`)
  assert.deepEqual(index.find(blob(0), undefined), [])
  assert.equal(index.find(blob(2_999), undefined)[0]?.ranges?.length, MAX_RANGES)
  for (let n = 0; n < 3_000; n += 1)
    index.announce(a, SEEN, { addresses: [], holds: [{ id: blob(n), size: 10_000 }], drops: [] })
  assert.equal(index.size, 3_000)
  index.drop(a)
  assert.equal(index.size, 0)
})

test('TR-10: drops link-local, loopback and unusable addresses', () => {
  for (const address of [
    '/ip4/169.254.169.254/tcp/80',
    '/ip4/127.0.0.1/tcp/7400',
    '/ip6/::1/tcp/7400',
    '/ip6/::ffff:127.0.0.1/tcp/7400',
    '/ip6/fe80::1/tcp/7400',
    '/ip4/0.0.0.0/tcp/7400',
    '/ip4/224.0.0.1/tcp/7400',
    '/ip4/192.0.2.7/tcp/0',
    '/ip4/192.0.2.7/udp/7400',
    '/dns4/metadata.internal/tcp/80',
    '/unix/%2Frun%2Fdocker.sock',
    '/dnsaddr/loop.example',
    'nonsense',
  ]) {
    assert.equal(plausible(address, SEEN), false, address)
  }
  assert.equal(plausible('/ip4/10.0.0.7/tcp/7400', SEEN), true)
  assert.equal(plausible('/ip6/2001:db8::7/tcp/7400', SEEN), true)
  assert.equal(plausible('/ip4/127.0.0.1/tcp/7400', '/ip4/127.0.0.1/tcp/50000'), true)
})
