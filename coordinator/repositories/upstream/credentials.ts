/**
 * What we show an upstream so that it lets us in. Read once per sync, checked before the first
 * request (a certificate that expires is named with its date), and bound by the client to the
 * origin of the repository's own address.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Clock } from '../../../shared/clock.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import type { RepositoryConfig } from '../../../shared/config/repository.ts'
import { mirrorError } from '../model/errors.ts'

export interface Credentials {
  /** Value of the Authorization header. */
  readonly authorization?: string
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** PEM bundle that replaces the system's authorities. */
  readonly ca?: string
  /** What a person should know although the sync goes on. */
  readonly notices: readonly string[]
}

/**
 * A certificate that ends within this time is worth a word: entitlement certificates are renewed by
 * hand.
 */
const EXPIRY_NOTICE_MS = 14 * 86_400_000
/** No certificate bundle is bigger; /etc/ssl/certs/ca-certificates.crt has 0.2 MiB. */
const MAX_PEM_BYTES = 4 * 1024 * 1024

/** @throws `mirror.credentials` naming the file that can't be used */
export async function loadCredentials(
  deps: { clock: Clock },
  config: RepositoryConfig['credentials'],
): Promise<Credentials> {
  switch (config.type) {
    case 'none':
      return { notices: [] }
    case 'basic': {
      const password = config.password ?? (await firstLine(config.password_file as string))
      // RFC 7617: the user name must not hold a colon, because the first one ends it.
      if (config.username.includes(':'))
        throw mirrorError('mirror.credentials', {
          file: config.username,
          reason: 'a user name has no colon',
        })
      return {
        authorization: `Basic ${Buffer.from(`${config.username}:${password}`).toString('base64')}`,
        notices: [],
      }
    }
    case 'client_cert': {
      const notices: string[] = []
      const cert = await pem(config.cert)
      const key = await pem(config.key)
      const certificate = parse(config.cert, () => new X509Certificate(cert))
      const privateKey = parse(config.key, () => createPrivateKey(key))
      if (!certificate.checkPrivateKey(privateKey))
        throw mirrorError('mirror.credentials', {
          file: config.key,
          reason: `it is not the key of ${config.cert}`,
        })
      checkDates(config.cert, certificate, deps.clock.now(), notices)
      if (((await stat(config.key)).mode & 0o044) !== 0)
        notices.push(`${config.key} is a private key that others can read; chmod 0600 it`)
      const tls = { cert, key }
      if (config.ca_cert === undefined) return { tls, notices }
      const ca = await pem(config.ca_cert)
      parse(config.ca_cert, () => new X509Certificate(ca))
      return { tls, ca, notices }
    }
    default:
      return config satisfies never
  }
}

function checkDates(
  file: string,
  certificate: X509Certificate,
  now: number,
  notices: string[],
): void {
  const from = certificate.validFromDate.getTime()
  const to = certificate.validToDate.getTime()
  if (now < from)
    throw mirrorError('mirror.credentials', {
      file,
      reason: `it is valid only from ${rfc3339(from)}`,
    })
  if (now > to)
    throw mirrorError('mirror.credentials', { file, reason: `it expired at ${rfc3339(to)}` })
  if (to - now < EXPIRY_NOTICE_MS) notices.push(`${file} expires at ${rfc3339(to)}`)
}

async function pem(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > MAX_PEM_BYTES)
      throw mirrorError('mirror.credentials', {
        file,
        reason: `it is ${size} bytes long, which is no PEM file`,
      })
    return await readFile(file, 'utf8')
  } catch (error) {
    if (mirrorError.is(error)) throw error
    throw mirrorError(
      'mirror.credentials',
      { file, reason: `it can't be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})` },
      { cause: error },
    )
  }
}

function parse<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw mirrorError(
      'mirror.credentials',
      {
        file,
        reason: 'it holds no PEM that we can read; a key with a pass phrase is not accepted',
      },
      { cause },
    )
  }
}

async function firstLine(file: string): Promise<string> {
  const line = (await pem(file)).split(/\r?\n/, 1)[0] ?? ''
  if (line === '')
    throw mirrorError('mirror.credentials', {
      file,
      reason: 'its first line, the password, is empty',
    })
  return line
}
