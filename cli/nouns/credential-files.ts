/**
 * Checks the files that repositories name for their upstreams. A file can be missing, unreadable or
 * expired, or a key can belong to another certificate.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../../shared/clock.ts'
import type { RepositoryConfig } from '../../shared/config/repository.ts'
import { diskReason } from '../../shared/disk-reason.ts'
import { errno } from '../../shared/errno.ts'
import { formatDuration } from '../../shared/units.ts'

/** Four times the size of the largest bundle of authorities. */
const MAX_FILE_BYTES = 1024 * 1024
/**
 * A certificate that expires within this time is reported, so that the user can request a new one.
 */
const EXPIRES_SOON_MS = 14 * 86_400_000

export interface NamedFile {
  readonly repository: string
  /** The key of the configuration that contains the path. */
  readonly key: string
  readonly path: string
  readonly holds: 'certificate' | 'private key' | 'authorities' | 'other'
  /** The certificate that a private key must belong to. */
  readonly certificate?: string
}

export interface FileProblem {
  readonly status: 'warn' | 'fail'
  readonly detail: string
  readonly fix: string
}

export function namedFiles(repository: RepositoryConfig): NamedFile[] {
  const { credentials, rpm, name } = repository
  const files: NamedFile[] = []
  const add = (key: string, path: string | undefined, holds: NamedFile['holds']): void => {
    if (path !== undefined) files.push({ repository: name, key, path, holds })
  }
  if (credentials.type === 'client_cert') {
    const { cert, key, ca_cert: authorities } = credentials
    add('credentials.cert', cert, 'certificate')
    files.push({
      repository: name,
      key: 'credentials.key',
      path: key,
      holds: 'private key',
      certificate: cert,
    })
    add('credentials.ca_cert', authorities, 'authorities')
  }
  if (credentials.type === 'basic')
    add('credentials.password_file', credentials.password_file, 'other')
  add('rpm.gpgkey_file', rpm.gpgkey_file, 'other')
  return files
}

/** Returns the problems of one file. The texts contain no part of its content. */
export async function inspectFile(
  clock: Pick<Clock, 'now'>,
  file: NamedFile,
): Promise<FileProblem[]> {
  const failure = (reason: string, fix: string): FileProblem[] => [
    { status: 'fail', detail: `${file.repository}: ${file.key} ${file.path} ${reason}`, fix },
  ]
  const text = await readText(file.path)
  if ('reason' in text) return failure(text.reason, `correct ${file.key} of ${file.repository}`)
  switch (file.holds) {
    case 'other':
      return []
    case 'private key':
      return inspectKey(file, text.text, failure)
    case 'certificate':
    case 'authorities':
      return inspectCertificates(clock, file, text.text, failure)
    default:
      return file.holds satisfies never
  }
}

type Failure = (reason: string, fix: string) => FileProblem[]

async function inspectKey(file: NamedFile, pem: string, failure: Failure): Promise<FileProblem[]> {
  let key: ReturnType<typeof createPrivateKey>
  try {
    key = createPrivateKey(pem)
  } catch {
    return failure('is not a PEM private key without a pass phrase', `replace ${file.path}`)
  }
  const pair = file.certificate === undefined ? undefined : await readText(file.certificate)
  const [certificate] = pair === undefined || 'reason' in pair ? [] : certificatesOf(pair.text)
  if (certificate === undefined || certificate.checkPrivateKey(key)) return []
  return failure('does not belong to the certificate', `use the key of ${file.certificate ?? ''}`)
}

function inspectCertificates(
  clock: Pick<Clock, 'now'>,
  file: NamedFile,
  pem: string,
  failure: Failure,
): FileProblem[] {
  const certificates = certificatesOf(pem)
  const [first] = certificates
  if (first === undefined) return failure('contains no PEM certificate', `replace ${file.path}`)
  // A bundle of authorities usually contains expired ones. This is not a problem, because the
  // upstream uses others.
  if (file.holds === 'authorities') return []
  const renew = `get a new certificate for ${file.repository}`
  const now = clock.now()
  const left = first.validToDate.getTime() - now
  if (first.validFromDate.getTime() > now)
    return failure(`is valid from ${first.validFromDate.toISOString()} on`, 'set the clock')
  if (left <= 0) return failure(`expired at ${first.validToDate.toISOString()}`, renew)
  if (left > EXPIRES_SOON_MS) return []
  const detail = `${file.repository}: ${file.key} ${file.path} expires in ${formatDuration(left)}`
  return [{ status: 'warn', detail, fix: renew }]
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

function certificatesOf(pem: string): X509Certificate[] {
  try {
    return (pem.match(PEM_CERTIFICATE) ?? []).map((block) => new X509Certificate(block))
  } catch {
    return []
  }
}

async function readText(path: string): Promise<{ text: string } | { reason: string }> {
  try {
    const { size } = await stat(path)
    if (size > MAX_FILE_BYTES)
      return { reason: `has ${size} bytes (expected at most ${MAX_FILE_BYTES})` }
    return { text: await readFile(path, 'utf8') }
  } catch (error) {
    if (errno(error) === 'ENOENT') return { reason: 'is missing' }
    return { reason: `cannot be read: ${diskReason(error) ?? 'unknown error'}` }
  }
}
