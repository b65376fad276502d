import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isAllowedHost } from './allowed-hosts.ts'

test('WA-01: the gateway allows addresses, localhost and names of its host', () => {
  const own = ['gate.example', 'Web-1']
  for (const header of [
    '127.0.0.1',
    '127.0.0.1:8481',
    '[::1]:8481',
    '[::1]',
    '192.0.2.7:80',
    'localhost:8481',
    'LOCALHOST',
    'a.localhost',
    'localhost.',
  ])
    assert.ok(isAllowedHost(header, own), header)
  for (const header of ['gate.example:8481', 'GATE.example', 'web-1', 'web-1.:8481'])
    assert.ok(isAllowedHost(header, own), header)
  for (const header of [
    'evil.example',
    'evil.example:8481',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'evillocalhost',
    'gate.example.evil',
    'x@127.0.0.1',
    '[evil.example]',
    '127.0.0.1:8481:1',
    '[::1',
    '',
  ])
    assert.ok(!isAllowedHost(header, own), header)
  // A request without a Host header is HTTP/1.0, which browsers don't use.
  assert.ok(isAllowedHost(undefined, own))
})
