import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import test from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { generateCertificate } from '@libp2p/tls/utils'
import fc from 'fast-check'
import { hostKeyOf } from './tls-certificate.ts'

type PrivateKey = Parameters<typeof generateCertificate>[0]

async function certificateOf(key: PrivateKey): Promise<Buffer> {
  const { cert } = await generateCertificate(key)
  return new X509Certificate(cert).raw
}

/**
 * Creates a certificate with a host key of this type and these bytes. The key need not be valid.
 */
function forged(type: string, raw: Uint8Array): Promise<Buffer> {
  return certificateOf({
    type,
    publicKey: { raw },
    sign: async () => new Uint8Array(64),
  } as unknown as PrivateKey)
}

test('tls certificate: finds the ed25519 host key where @libp2p/tls puts it', async () => {
  const key = await generateKeyPair('Ed25519')
  assert.deepEqual(hostKeyOf(await certificateOf(key)), key.publicKey.raw)
})

test('ID-06: rejects a host key of another type or length without parsing it', async () => {
  // An RSA public key in DER with an inner length of four gigabytes. Then 250 copies of it.
  const der = Buffer.from('30820122300d06092a864886f70d01010105000384ffffffff', 'hex')
  for (const raw of [
    der,
    Buffer.concat(Array.from({ length: 250 }, () => der)),
    new Uint8Array(0),
  ]) {
    const certificate = await forged('RSA', raw)
    assert.throws(() => hostKeyOf(certificate), { code: 'node.key-type' })
  }
  await assert.rejects(async () => hostKeyOf(await forged('secp256k1', new Uint8Array(33))), {
    code: 'node.key-type',
  })
  await assert.rejects(async () => hostKeyOf(await forged('Ed25519', new Uint8Array(31))), {
    code: 'node.key-type',
  })
  // The identity point. Any signature verifies with it.
  await assert.rejects(
    async () => hostKeyOf(await forged('Ed25519', Uint8Array.of(1, ...new Uint8Array(31)))),
    { code: 'node.key-type' },
  )
})

test('tls certificate: arbitrary bytes cause only the expected error', async () => {
  const real = await certificateOf(await generateKeyPair('Ed25519'))
  const walk = (bytes: Uint8Array): void => {
    try {
      assert.equal(hostKeyOf(bytes).length, 32)
    } catch (error) {
      assert.equal((error as { code: string }).code, 'node.key-type')
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), walk))
  fc.assert(
    fc.property(fc.nat(real.length - 1), fc.nat(255), (at, value) => {
      const bytes = Uint8Array.from(real)
      bytes[at] = value
      walk(bytes)
    }),
  )
  fc.assert(fc.property(fc.nat(real.length), (end) => walk(real.subarray(0, end))))
})
