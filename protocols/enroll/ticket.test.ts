/**
 * Checks that a formatted ticket parses to the same ticket, and that all other texts are rejected.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { decodeBase32, encodeBase32 } from '../../shared/base32.ts'
import { fleetId } from '../../shared/ids.ts'
import { formatTicket, parseTicket, ticketError } from './ticket.ts'

const address = '/ip4/127.0.0.1/tcp/8470/p2p/12D3KooWJHt8abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQ'
const ticket = {
  fleet: fleetId.parse('00112233445566778899aabbccddeeff'),
  root: new Uint8Array(32).fill(7),
  addresses: [address],
  secret: new Uint8Array(32).fill(9),
}

const { secret: _, ...withoutSecret } = ticket

test('base32 round-trips every byte string and rejects other spellings', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) =>
      assert.deepEqual(decodeBase32(encodeBase32(bytes)), bytes),
    ),
  )
  for (const text of ['A', 'a', 'aaa1', 'mz', 'aa==', 'ab\n'])
    assert.equal(decodeBase32(text), undefined, text)
})

test('a token round-trips and is one shell word', () => {
  const text = formatTicket(ticket)
  assert.match(text, /^muster-token1-[a-z2-7]+$/)
  const parsed = parseTicket(` ${text}\n`)
  assert.equal(parsed.fleet, ticket.fleet)
  assert.deepEqual(Buffer.from(parsed.secret ?? []), Buffer.from(ticket.secret))
  assert.deepEqual(parsed.addresses, [address])
})

test('ID-10: a token holds only base32, and other texts are rejected with a reason', () => {
  const text = formatTicket(ticket)
  for (const bad of [
    '',
    'muster1-',
    'muster-token1-',
    'muster2-abc',
    `${text}$(id)`,
    `${text};ls`,
    text.slice(0, -3),
    text.toUpperCase(),
    text.replace('token1-', 'token1:'),
    text.replace('-token1-', '-ticket1-'),
    formatTicket(withoutSecret).replace('-ticket1-', '-token1-'),
  ])
    assert.throws(
      () => parseTicket(bad),
      (error) => ticketError.is(error, 'ticket.malformed'),
      bad,
    )
  // Rejected for its length, before any decoding.
  assert.throws(
    () => parseTicket(`muster-token1-${'a'.repeat(20_000)}`),
    /longer than 16384 characters/,
  )
})

test('tickets and tokens differ in their first word, and their old form is accepted', () => {
  const text = formatTicket(withoutSecret)
  assert.match(text, /^muster-ticket1-[a-z2-7]+$/)
  assert.equal(parseTicket(text).secret, undefined)
  for (const form of [text, formatTicket(ticket)])
    assert.deepEqual(parseTicket(form.replace(/^muster-\w+1-/, 'muster1-')), parseTicket(form))
})

test('a ticket with one changed character never parses as another ticket', () => {
  const text = formatTicket(ticket)
  fc.assert(
    fc.property(
      fc.integer({ min: 8, max: text.length - 1 }),
      fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567'),
      (position, character) => {
        const altered = text.slice(0, position) + character + text.slice(position + 1)
        try {
          assert.equal(formatTicket(parseTicket(altered)), altered)
        } catch (error) {
          assert.ok(ticketError.is(error), String(error))
        }
      },
    ),
  )
})
