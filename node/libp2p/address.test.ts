import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sameHost } from './address.ts'

test('address: a host has one IPv4 address, or the /64 of its IPv6 address', () => {
  const near = (one: string, other: string): boolean => sameHost(`/${one}/tcp/1`)(`/${other}/tcp/2`)
  assert.deepEqual(
    [
      near('ip4/192.0.2.1', 'ip4/192.0.2.1'),
      near('ip4/192.0.2.1', 'ip4/192.0.2.2'),
      near('ip6/2001:db8:0:1::1', 'ip6/2001:db8:0:1:ffff::'),
      near('ip6/2001:db8:0:1::1', 'ip6/2001:db8:0:2::1'),
      near('ip6/::ffff:192.0.2.1', 'ip6/::ffff:192.0.2.1'),
      near('ip6/::ffff:192.0.2.1', 'ip6/::ffff:192.0.2.2'),
      near('ip6/2001:db8::1', 'ip4/192.0.2.1'),
      near('ip4/192.0.2.1', 'ip6/2001:db8::1'),
    ],
    [true, false, true, false, true, false, false, false],
  )
})
