/**
 * The pre-authentication encoding of DSSE (secure-systems-lab/dsse protocol.md): what node and
 * issuing keys sign.
 */

/**
 * `DSSEv1 <length> <type> <length> <body>`; lengths are bytes in decimal, so no two (type, body)
 * share an encoding.
 */
export function pae(type: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `),
    body,
  ])
}
