import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answersTo } from './allowed-hosts.ts'

test('WA-01: the gateway answers to addresses, to localhost and to names of its own host, and to no name that somebody else can give it', () => {
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
    assert.ok(answersTo(header, own), header)
  for (const header of ['gate.example:8481', 'GATE.example', 'web-1', 'web-1.:8481'])
    assert.ok(answersTo(header, own), header)
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
    assert.ok(!answersTo(header, own), header)
  // HTTP/1.0 without a Host is no browser.
  assert.ok(answersTo(undefined, own))
})
