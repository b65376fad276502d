/**
 * Finds the host key in a libp2p TLS certificate (libp2p specs, tls/tls.md). It is in the extension
 * 1.3.6.1.4.1.53594.1.1. The parser reads only lengths and tags. It rejects every key that is not
 * ed25519 before any other code parses it.
 */
import { publicKeyFault } from '../../shared/identity/ed25519.ts'
import { nodeError } from '../ground/errors.ts'

/** The DER of OBJECT IDENTIFIER 1.3.6.1.4.1.53594.1.1 without tag and length. */
const EXTENSION = Uint8Array.from([0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xa2, 0x5a, 0x01, 0x01])
/** PublicKey { Type: Ed25519, Data: 32 bytes } in protobuf, up to the data. */
const KEY_PREFIX = Uint8Array.from([0x08, 0x01, 0x12, 0x20])
/** Certificates of libp2p nodes have some 400 bytes. */
const MAX_CERTIFICATE_BYTES = 8 * 1024

const SEQUENCE = 0x30
const OCTET_STRING = 0x04
const OBJECT_IDENTIFIER = 0x06
const EXTENSIONS = 0xa3

/**
 * Returns the 32-byte ed25519 host key in the certificate. The handshake checks that the peer has
 * the private key.
 * @throws node.key-type
 */
export function hostKeyOf(certificate: Uint8Array): Uint8Array {
  if (certificate.length > MAX_CERTIFICATE_BYTES)
    throw refused(`its certificate has ${certificate.length} bytes`)
  const body = children(
    certificate,
    only(certificate, { start: 0, end: certificate.length }, SEQUENCE),
  )[0]
  if (body === undefined) throw refused('its certificate is empty')
  const [wrapper, ...more] = children(certificate, body).filter(({ tag }) => tag === EXTENSIONS)
  if (wrapper === undefined || more.length > 0) throw refused('its certificate has no extensions')
  const list = only(certificate, wrapper, SEQUENCE)
  const [found, ...others] = children(certificate, list).filter((extension) =>
    isHostKey(certificate, extension),
  )
  if (found === undefined || others.length > 0)
    throw refused('its certificate does not have exactly one host key')
  const value = children(certificate, found).at(-1)
  if (value?.tag !== OCTET_STRING) throw refused('the host key in its certificate is malformed')
  const key = children(certificate, only(certificate, value, SEQUENCE))[0]
  if (key?.tag !== OCTET_STRING) throw refused('the host key in its certificate is malformed')
  const encoded = certificate.subarray(key.start, key.end)
  if (
    encoded.length !== KEY_PREFIX.length + 32 ||
    !KEY_PREFIX.every((byte, i) => encoded[i] === byte)
  )
    throw refused('it is not an ed25519 key')
  const publicKey = Uint8Array.from(encoded.subarray(KEY_PREFIX.length))
  const fault = publicKeyFault(publicKey)
  if (fault !== undefined) throw refused(fault)
  return publicKey
}

interface Span {
  readonly start: number
  readonly end: number
}
interface Element extends Span {
  readonly tag: number
}

function isHostKey(bytes: Uint8Array, extension: Element): boolean {
  const id = children(bytes, extension)[0]
  return (
    id?.tag === OBJECT_IDENTIFIER && Buffer.from(bytes.subarray(id.start, id.end)).equals(EXTENSION)
  )
}

/** Returns the single element of the span. @throws node.key-type if its tag is different */
function only(bytes: Uint8Array, span: Span, tag: number): Element {
  const found = children(bytes, span)
  if (found.length !== 1 || found[0]?.tag !== tag) throw refused('its certificate is malformed')
  return found[0]
}

/** Returns the elements of the span (X.690, definite lengths of at most two bytes). */
function children(bytes: Uint8Array, span: Span): Element[] {
  const found: Element[] = []
  for (let at = span.start; at < span.end; ) {
    const tag = bytes[at] ?? 0
    let length = bytes[at + 1] ?? 0x80
    let start = at + 2
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count < 1 || count > 2) throw refused('its certificate is malformed')
      length = 0
      for (let i = 0; i < count; i += 1) length = length * 256 + (bytes[start + i] ?? 0)
      start += count
    }
    const end = start + length
    if (end > span.end) throw refused('its certificate is malformed')
    found.push({ tag, start, end })
    at = end
  }
  return found
}

function refused(reason: string): Error {
  return nodeError('node.key-type', { reason })
}
