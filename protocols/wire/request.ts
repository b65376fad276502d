/**
 * Encodes the payload of a request frame: one byte with the length of the method's name, the name
 * in ASCII, the body in CBOR. The name is first, so that a request can be authorised before its
 * body is parsed.
 */
import { encodeCbor } from './cbor.ts'
import { wireError } from './errors.ts'

const MAX_NAME = 64

export function encodeRequest(method: string, body: unknown): Uint8Array {
  const bytes = encodeCbor(body)
  const payload = new Uint8Array(1 + method.length + bytes.length)
  payload[0] = method.length
  payload.set(Buffer.from(method, 'latin1'), 1)
  payload.set(bytes, 1 + method.length)
  return payload
}

/** Returns the method's name and the bytes of the body, which are not parsed. */
export function splitRequest(payload: Uint8Array): { method: string; body: Uint8Array } {
  const length = payload[0] ?? 0
  if (length === 0 || length > MAX_NAME || payload.length < 1 + length) {
    throw wireError('protocol.malformed', {
      what: 'request',
      reason: 'it does not begin with the name of a method',
    })
  }
  const method = Buffer.from(payload.subarray(1, 1 + length)).toString('latin1')
  if (!/^[a-zA-Z.]+$/.test(method))
    throw wireError('protocol.malformed', {
      what: 'request',
      reason: 'the name of its method is malformed',
    })
  return { method, body: payload.subarray(1 + length) }
}
