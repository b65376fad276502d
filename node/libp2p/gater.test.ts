import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '@libp2p/interface'
import { createGater } from './gater.ts'

const peer = (name: string, type = 'Ed25519'): PeerId =>
  ({ type, toString: () => name }) as unknown as PeerId
const connection = { remoteAddr: '/ip4/192.0.2.1/tcp/1' } as never

test('gater: allows a dial only to the peer that the node dials now', async () => {
  const gater = createGater({
    mayTakeStranger: () => true,
    isMember: () => false,
    hasEnough: () => false,
  })
  const denied = (name: string): unknown => gater.denyDialPeer?.(peer(name))
  assert.equal(denied('a'), true)
  const held = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
  const dials = [
    gater.whileDialling('a', () => held[0].promise),
    gater.whileDialling('a', () =>
      held[1].promise.then(() => Promise.reject(new Error('no answer'))),
    ),
  ] as const
  assert.deepEqual([denied('a'), denied('b')], [false, true])
  held[0].resolve()
  await dials[0]
  assert.equal(denied('a'), false, 'another dial of it is still under way')
  held[1].resolve()
  await assert.rejects(dials[1], /no answer/)
  assert.equal(denied('a'), true)
  assert.equal(gater.filterMultiaddrForPeer?.(peer('a'), connection), false)
})

test('gater: rejects other key types, and strangers above the limit', async () => {
  let room = true
  let enough = false
  const gater = createGater({
    mayTakeStranger: (from) => room && from === '/ip4/192.0.2.1/tcp/1',
    isMember: (name) => name === 'member',
    hasEnough: () => enough,
  })
  const inbound = (who: PeerId): unknown => gater.denyInboundEncryptedConnection?.(who, connection)
  assert.deepEqual([inbound(peer('member')), inbound(peer('stranger'))], [false, false])
  room = false
  assert.deepEqual([inbound(peer('member')), inbound(peer('stranger'))], [false, true])
  room = true
  enough = true
  assert.deepEqual(
    [inbound(peer('member')), inbound(peer('stranger'))],
    [true, true],
    'the key has its maximum of connections',
  )
  enough = false
  for (const type of ['RSA', 'secp256k1']) {
    assert.deepEqual(
      [
        inbound(peer('member', type)),
        gater.denyOutboundEncryptedConnection?.(peer('a', type), connection),
      ],
      [true, true],
    )
    assert.equal(
      await gater.whileDialling('a', async () => gater.denyDialPeer?.(peer('a', type))),
      true,
    )
  }
})
