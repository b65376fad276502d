/** Checks a requested byte range. */
import type { ByteRange } from '../blake3/geometry.ts'
import { blobError } from './errors.ts'

/** Throws blob.range unless `range` is inside a blob of `size` bytes. */
export function requireInside({ start, end }: ByteRange, size: number): void {
  const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
  if (!whole || start < 0 || end < start || end > size)
    throw blobError('blob.range', { start, end, size })
}
