/**
 * Makes the pre-authentication encoding of DSSE (secure-systems-lab/dsse protocol.md), which node
 * keys and issuing keys sign.
 */

/**
 * Returns `DSSEv1 <length> <type> <length> <body>`. Lengths are bytes in decimal, so each (type,
 * body) has a unique encoding.
 */
export function pae(type: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `),
    body,
  ])
}
