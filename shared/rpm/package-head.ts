/**
 * Reads the beginning of an RPM package file (lead, signature header, main header), and not its
 * payload. Returns where the payload begins. {@link packageHeadLength} returns the number of bytes
 * that a streaming caller needs.
 */
import { requireDefined } from '../require-defined.ts'
import { rpmError } from './errors.ts'
import { headerLength, readHeader } from './header.ts'
import type { Header } from './header.ts'

export interface PackageHead {
  signature: Header
  header: Header
  /**
   * The position of the main header in the file, as `header-range` in primary.xml. `end` is the
   * first byte of the payload.
   */
  headerRange: { start: number; end: number }
}

const LEAD_BYTES = 96
const LEAD_MAGIC = 0xedabeedb
/** Magic and sizes of a header. */
const INTRO_BYTES = 16

/**
 * Reads the head of a package from its first bytes. More bytes may follow.
 * @throws rpm.package if it isn't an RPM or is too short, rpm.header if a header is invalid
 */
export function readPackageHead(bytes: Uint8Array, what: string): PackageHead {
  const end = packageHeadLength(bytes, what)
  if (end === undefined || end > bytes.length)
    throw rpmError('rpm.package', {
      what,
      reason: `it ends inside its headers, after ${bytes.length} bytes`,
    })
  const signature = headerLength(bytes.subarray(LEAD_BYTES), { form: 'signature', what })
  const signatureEnd = LEAD_BYTES + requireDefined(signature, 'the head is complete')
  const start = align(signatureEnd)
  return {
    signature: readHeader(bytes.subarray(LEAD_BYTES, signatureEnd), {
      form: 'signature',
      what: `${what} (signature)`,
    }),
    header: readHeader(bytes.subarray(start, end), { form: 'package', what }),
    headerRange: { start, end },
  }
}

/**
 * Returns the number of bytes before the payload. Undefined while there are too few bytes to know.
 * @throws rpm.package, rpm.header as soon as the bytes can't be a package within rpm's limits
 */
export function packageHeadLength(bytes: Uint8Array, what: string): number | undefined {
  if (bytes.length < LEAD_BYTES + INTRO_BYTES) return undefined
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) !== LEAD_MAGIC)
    throw rpmError('rpm.package', { what, reason: 'the magic number is missing' })
  const signature = headerLength(bytes.subarray(LEAD_BYTES), { form: 'signature', what })
  if (signature === undefined) return undefined
  const start = align(LEAD_BYTES + signature)
  if (bytes.length < start + INTRO_BYTES) return undefined
  const header = headerLength(bytes.subarray(start), { form: 'package', what })
  return start + requireDefined(header, 'the intro is complete')
}

/** Rounds up to a multiple of eight, where the main header begins. */
function align(offset: number): number {
  return offset + ((8 - (offset % 8)) % 8)
}
