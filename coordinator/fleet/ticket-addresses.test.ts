/** The addresses in a ticket. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ticketAddresses } from './ticket-addresses.ts'

const PEER = '/p2p/12D3KooWCQtdkEoh8pyRWQUQCJjK5PrYXoeF4SjoJXhyu4w4qvvZ'

test('ticket: contains loopback addresses only if the coordinator has no others', () => {
  const loopback = [`/ip4/127.0.0.1/tcp/8470${PEER}`, `/ip6/::1/tcp/8470${PEER}`]
  const others = [`/ip4/192.0.2.10/tcp/8470${PEER}`, `/ip6/2001:db8::1/tcp/8470${PEER}`]
  assert.deepEqual(ticketAddresses([...loopback, ...others]), others)
  assert.deepEqual(ticketAddresses(loopback), loopback)
})

test('ticket: has at most the number of addresses that fit', () => {
  const many = Array.from({ length: 40 }, (_, i) => `/ip4/192.0.2.${i + 1}/tcp/8470${PEER}`)
  assert.deepEqual(ticketAddresses(many), many.slice(0, 16))
})
