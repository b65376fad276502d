/** Checks that secrets are masked in any text, and that ordinary text stays unchanged. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRedactor, MASK } from './redact.ts'

test('redact: masks a protected secret anywhere, also in JSON and in a URL', () => {
  const redactor = createRedactor()
  redactor.protect('p"ss w/rd')
  for (const text of [
    'p"ss w/rd',
    `x${JSON.stringify({ a: 'p"ss w/rd' })}`,
    `?q=${encodeURIComponent('p"ss w/rd')}`,
  ]) {
    const masked = redactor.text(text)
    assert.ok(masked.includes(MASK), masked)
    assert.doesNotMatch(masked, /w(\/|%2F)rd/)
  }
})

test('redact: removes any protected secret from any text', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 4, maxLength: 20 }),
      fc.string(),
      fc.string(),
      (secret, before, after) => {
        const redactor = createRedactor()
        redactor.protect(secret)
        assert.ok(
          MASK.includes(secret) ||
            '[private key]'.includes(secret) ||
            !redactor.text(before + secret + after).includes(secret),
        )
      },
    ),
  )
})

test('redact: masks common forms of secrets that were never protected', () => {
  const redactor = createRedactor()
  const shapes = [
    'postgresql://muster:hunter2@db/muster',
    'GET https://user:hun@ter2@cdn.example/os failed',
    'authorization: Basic aHVudGVyMg==hunter2',
    '{"password":"hunter2"}',
    'password=hunter2&user=x',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----\nhunter2',
    'muster1-abcdefghijklmnop234567hunter2',
    'muster-token1-abcdefghijklmnop234567hunter2',
  ]
  for (const text of shapes) assert.doesNotMatch(redactor.text(text), /hunter2|ter2@/, text)
})

test('redact: leaves ordinary text unchanged', () => {
  const redactor = createRedactor()
  const ordinary = [
    'https://cdn.example:8443/os/repodata/repomd.xml',
    'listen on /ip4/127.0.0.1/tcp/8470 and http://127.0.0.1:8480/',
    'SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ',
    'the password is wrong',
    'muster-ticket1-abcdefghijklmnop234567',
  ]
  for (const text of ordinary) assert.equal(redactor.text(text), text)
})

test('redact: does not mask texts shorter than a secret', () => {
  const redactor = createRedactor()
  redactor.protect('a')
  redactor.protect('')
  assert.equal(redactor.text('a banana'), 'a banana')
})
