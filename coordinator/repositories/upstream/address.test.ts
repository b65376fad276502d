import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_REDIRECTS, mayRedirect, type Reach, reachOf, redirectTarget } from './address.ts'

test('RS-27: classifies addresses by their network, in every notation', () => {
  const table: [Reach, string[]][] = [
    [
      'metadata',
      [
        '169.254.169.254',
        '::ffff:169.254.169.254',
        'fe80::1',
        'fd00:ec2::254',
        '0.0.0.0',
        '::',
        '224.0.0.1',
        '255.255.255.255',
        'ff02::1',
      ],
    ],
    ['loopback', ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1']],
    [
      'private',
      [
        '10.0.0.1',
        '172.16.0.1',
        '172.31.255.255',
        '192.168.1.1',
        '100.64.0.1',
        'fc00::1',
        'fdff::1',
      ],
    ],
    ['public', ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2001:db8::1', '::ffff:8.8.8.8']],
  ]
  for (const [reach, addresses] of table)
    for (const address of addresses) assert.equal(reachOf(address), reach, address)
})

test('RS-27: a redirect never leads to a more private network', () => {
  const order: Reach[] = ['loopback', 'private', 'public']
  for (const from of order)
    for (const to of order)
      assert.equal(
        mayRedirect(from, to),
        order.indexOf(to) >= order.indexOf(from),
        `${from} to ${to}`,
      )
  for (const from of [...order, 'metadata' as const])
    assert.equal(mayRedirect(from, 'metadata'), false)
})

test('RS-25: resolves redirects against the requested URL, and never leaves https', () => {
  const from = new URL('https://host/a/b')
  assert.equal(redirectTarget(from, '../c', 0).href, 'https://host/c')
  assert.equal(redirectTarget(from, '//other/c', MAX_REDIRECTS - 1).href, 'https://other/c')
  assert.throws(() => redirectTarget(from, 'http://host/a/b', 0), {
    code: 'mirror.redirect',
    message: /leaves https/,
  })
  assert.throws(() => redirectTarget(from, '/c', MAX_REDIRECTS), /more than 5/)
  assert.throws(() => redirectTarget(from, undefined, 0), /no Location header/)
  assert.throws(() => redirectTarget(from, 'http://[', 0), /not an address/)
  assert.equal(redirectTarget(new URL('http://host/'), 'https://host/x', 0).protocol, 'https:')
})
