/**
 * The checksums of package listings. Only SHA-2 with 256 bits or more is accepted, because MD5 and
 * SHA-1 collisions allow two files with one checksum. A parsed checksum has a known algorithm and
 * lower-case hex of its length.
 */
import { createHash } from 'node:crypto'

export type ChecksumKind = 'sha256' | 'sha384' | 'sha512'

export interface Checksum {
  readonly kind: ChecksumKind
  /** Lower-case hex of the full digest. */
  readonly value: string
}

const HEX_DIGITS: Record<ChecksumKind, number> = { sha256: 64, sha384: 96, sha512: 128 }
/** Insecure algorithms. The rejection names them. `sha` is an old name of SHA-1. */
const WEAK = new Set(['md5', 'sha', 'sha1', 'sha224'])

/** Returns the checksum or the reason to reject it. Blanks around it and upper case are allowed. */
export function parseChecksum(
  kind: string | undefined,
  text: string,
): { checksum: Checksum } | { reason: string } {
  const name = (kind ?? '').toLowerCase()
  if (WEAK.has(name))
    return {
      reason: `its checksum is ${name}, which is not secure; sha256 or stronger is needed`,
    }
  if (!Object.hasOwn(HEX_DIGITS, name))
    return { reason: `its checksum type ${JSON.stringify((kind ?? '').slice(0, 20))} is unknown` }
  const known = name as ChecksumKind
  const value = text.trim().toLowerCase()
  if (value.length !== HEX_DIGITS[known] || !/^[0-9a-f]+$/.test(value))
    return {
      reason:
        `its ${known} ${JSON.stringify(value.slice(0, 140))} ` +
        `is not ${HEX_DIGITS[known]} hex digits`,
    }
  return { checksum: { kind: known, value } }
}

export function sameChecksum(a: Checksum, b: Checksum): boolean {
  return a.kind === b.kind && a.value === b.value
}

/** Identifies content by the checksum that a repository lists. */
export type ChecksumKey = `${string}:${string}`

export function checksumKey(checksum: Checksum): ChecksumKey {
  return `${checksum.kind}:${checksum.value}`
}

/** Hashes a stream of bytes. */
export interface ChecksumSink {
  update(bytes: Uint8Array): void
  value(): string
}

export function checksumSink(kind: ChecksumKind): ChecksumSink {
  const hash = createHash(kind)
  return { update: (bytes) => void hash.update(bytes), value: () => hash.digest('hex') }
}
