/** Checks of an upstream's response that need only its headers. */
import { mirrorError } from '../model/errors.ts'
import type { Answer } from './connection.ts'

/**
 * Rejects a response whose content is encoded for the transfer. If a server labels `x.gz` as
 * gzip-encoded, it describes the stored file: that is accepted and not decoded. The digest decides.
 * @throws mirror.encoding
 */
export function checkEncoding(path: string, answer: Answer): void {
  const encoding = answer.headers['content-encoding']?.trim().toLowerCase()
  if (encoding === undefined || encoding === '' || encoding === 'identity') return
  const isStored = path.endsWith('.gz') && (encoding === 'gzip' || encoding === 'x-gzip')
  if (!isStored)
    throw mirrorError('mirror.encoding', { url: answer.url, encoding: encoding.slice(0, 80) })
}

export interface Extent {
  /** The first byte that was requested; undefined for the whole file. */
  readonly resumeAt: number | undefined
  readonly size: number | undefined
}

/**
 * Rejects a wrong range or size before the body is read.
 * @throws mirror.changed, mirror.digest
 */
export function checkExtent(path: string, answer: Answer, expected: Extent): void {
  if (answer.status === 206) return checkRange(path, answer, expected)
  const length = answer.headers['content-length'] ?? ''
  if (expected.size === undefined || !/^\d{1,15}$/.test(length)) return
  if (Number(length) === expected.size) return
  throw mirrorError('mirror.digest', {
    file: path,
    kind: 'size',
    expected: String(expected.size),
    got: String(Number(length)),
  })
}

function checkRange(path: string, answer: Answer, { resumeAt, size }: Extent): void {
  const range = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15}|\*)$/.exec(
    answer.headers['content-range'] ?? '',
  )
  const [, start, total = '*'] = range ?? []
  const isRequested = start !== undefined && Number(start) === resumeAt
  const isWhole = total === '*' || size === undefined || Number(total) === size
  if (!isRequested || !isWhole) throw mirrorError('mirror.changed', { file: path })
}
