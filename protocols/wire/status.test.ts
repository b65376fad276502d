import assert from 'node:assert/strict'
import test from 'node:test'
import { type ErrorKind, MusterError } from '../../shared/errors.ts'
import { EXIT, type ExitName } from '../../shared/exit-codes.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { wireError } from './errors.ts'
import { STATUS, decodeError, encodeError, statusOf } from './status.ts'

test('status: an error is sent as code and data, and the receiver formats the text', () => {
  const sent = wireError('protocol.busy', { what: 'blobs fetch' })
  const frame = decodeCbor(encodeError(sent), 'frame') as Record<string, unknown>
  assert.deepEqual(frame, { status: 'busy', code: 'protocol.busy', data: { what: 'blobs fetch' } })
  const got = decodeError(encodeError(sent), 'blobs fetch')
  assert.equal(got.message, sent.message)
  assert.equal(got.retryable, true)
})

test('status: every exit code has a status, and every status but internal is used', () => {
  const kind = (exit: ExitName): ErrorKind => ({ exit, message: () => '' })
  const produced = new Set<string>(
    (Object.keys(EXIT) as ExitName[]).map((exit) =>
      statusOf(new MusterError('x.y', kind(exit), {})),
    ),
  )
  for (const code of [
    'protocol.malformed',
    'protocol.unsupported',
    'protocol.busy',
    'protocol.internal',
  ]) {
    produced.add(statusOf(new MusterError(code, kind('failed'), {})))
  }
  assert.deepEqual([...produced].sort(), Object.keys(STATUS).sort())
})

test('status: unknown codes become protocol.refused, bad frames protocol.malformed', () => {
  const refused = decodeError(
    encodeCbor({ status: 'conflict', code: 'tea.spilt', data: {} }),
    'tea pour',
  )
  assert.equal(refused.code, 'protocol.refused')
  assert.deepEqual(refused.data, { method: 'tea pour', status: 'conflict', code: 'tea.spilt' })
  assert.equal(
    decodeError(encodeCbor({ status: 'root', code: 'x', data: {} }), 'm').data['status'],
    'internal',
  )
  assert.equal(decodeError(encodeCbor({ status: 'denied' }), 'm').code, 'protocol.malformed')
  assert.equal(
    decodeError(encodeCbor({ status: 'denied', code: 'x', data: { a: { b: 1 } } }), 'm').code,
    'protocol.malformed',
  )
})

test('status: cuts text of another node and removes control characters', () => {
  const what = `\u001b[2J\u202e${'x'.repeat(5000)}`
  const got = decodeError(
    encodeCbor({ status: 'busy', code: 'protocol.busy', data: { what } }),
    'm',
  )
  assert.equal((got.data['what'] as string).length, 1024)
  assert.doesNotMatch(got.message, /[\u0000-\u001f\u202e]/)
})
