/**
 * Credentials for an upstream. Each sync reads them once, and checks them before the first request.
 * They are sent only to the origin of the repository's address.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../../../shared/clock.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import { errno } from '../../../shared/errno.ts'
import { mirrorError } from '../model/errors.ts'

export interface Credentials {
  /** Value of the Authorization header. */
  readonly authorization?: string
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** PEM bundle that replaces the system's authorities. */
  readonly ca?: string
  /** Warnings for the operator. The sync continues. */
  readonly notices: readonly string[]
}

/** The time before expiry at which a notice appears. Operators renew these certificates by hand. */
const EXPIRY_NOTICE_MS = 14 * 86_400_000
/** Larger than every bundle: /etc/ssl/certs/ca-certificates.crt has 0.2 MiB. */
const MAX_PEM_BYTES = 4 * 1024 * 1024

type CredentialsConfig = RepositoryConfig['credentials']
type ConfigOf<T extends CredentialsConfig['type']> = Extract<CredentialsConfig, { type: T }>

/** @throws mirror.credentials for a file that can't be used */
export async function loadCredentials(
  deps: { clock: Clock },
  config: CredentialsConfig,
): Promise<Credentials> {
  switch (config.type) {
    case 'none':
      return { notices: [] }
    case 'basic':
      return loadPassword(config)
    case 'client_cert':
      return loadCertificate(deps, config)
    default:
      return config satisfies never
  }
}

async function loadPassword(config: ConfigOf<'basic'>): Promise<Credentials> {
  const { username, password_file: file } = config
  // RFC 7617: the first colon ends the user name.
  if (username.includes(':')) throw refuse(username, 'expected a user name without a colon')
  const password = config.password ?? (file === undefined ? '' : await firstLine(file))
  const encoded = Buffer.from(`${username}:${password}`).toString('base64')
  return { authorization: `Basic ${encoded}`, notices: [] }
}

async function loadCertificate(
  { clock }: { clock: Clock },
  config: ConfigOf<'client_cert'>,
): Promise<Credentials> {
  const tls = { cert: await pem(config.cert), key: await pem(config.key) }
  const certificate = parse(config.cert, () => new X509Certificate(tls.cert))
  const privateKey = parse(config.key, () => createPrivateKey(tls.key))
  if (!certificate.checkPrivateKey(privateKey))
    throw refuse(config.key, `it is not the key of ${config.cert}`)
  const notices = checkDates(config.cert, certificate, clock.now())
  if (((await stat(config.key)).mode & 0o044) !== 0)
    notices.push(`${config.key} is a private key that others can read; chmod 0600 it`)
  if (config.ca_cert === undefined) return { tls, notices }
  const ca = await pem(config.ca_cert)
  parse(config.ca_cert, () => new X509Certificate(ca))
  return { tls, ca, notices }
}

function refuse(file: string, reason: string, cause?: unknown): Error {
  return mirrorError('mirror.credentials', { file, reason }, { cause })
}

/** Returns a notice if the certificate expires soon. */
function checkDates(file: string, certificate: X509Certificate, now: number): string[] {
  const from = certificate.validFromDate.getTime()
  const to = certificate.validToDate.getTime()
  if (now < from) throw refuse(file, `it is valid only from ${rfc3339(from)}`)
  if (now > to) throw refuse(file, `it expired at ${rfc3339(to)}`)
  return to - now < EXPIRY_NOTICE_MS ? [`${file} expires at ${rfc3339(to)}`] : []
}

async function pem(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > MAX_PEM_BYTES)
      throw refuse(file, `it has ${size} bytes, expected a PEM file of at most ${MAX_PEM_BYTES}`)
    return await readFile(file, 'utf8')
  } catch (error) {
    if (mirrorError.is(error)) throw error
    throw refuse(file, `it can't be read (${errno(error) ?? 'unknown'})`, error)
  }
}

function parse<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const reason = 'it is not a readable PEM file; a key with a pass phrase is not accepted'
    throw refuse(file, reason, cause)
  }
}

async function firstLine(file: string): Promise<string> {
  const line = (await pem(file)).split(/\r?\n/, 1)[0] ?? ''
  if (line === '') throw refuse(file, 'its first line, the password, is empty')
  return line
}
