/**
 * Finds the public keys of a repository, which are published with it. The configuration names them
 * (`rpm.gpgkey_file`, `rpm.gpgkey_url`). Otherwise they are the files `RPM-GPG-KEY-…` in the
 * upstream's index page. Muster doesn't trust a key because it found it here.
 */
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { RepositoryConfig } from '../../../../shared/config/repository.ts'
import { errno } from '../../../../shared/errno.ts'
import { MusterError } from '../../../../shared/errors.ts'
import { mirrorError } from '../../model/errors.ts'
import { type Href, ownHref, parseHref } from '../../model/href.ts'
import type { IndexDeps } from '../format.ts'
import type { OnSyncEvent } from '../../model/progress.ts'
import type { Upstream } from '../../upstream/upstream.ts'

/** A key file with many subkeys has about 20 KiB. */
const MAX_KEY_BYTES = 256 * 1024
/** Distributions have a few, one for each release. */
const MAX_KEYS = 16
/** An index page of 20,000 entries. */
const MAX_INDEX_BYTES = 4 * 1024 * 1024

const KEY_NAME = /^RPM-GPG-KEY[A-Za-z0-9._+-]{0,100}$/
const ARMOR = '-----BEGIN PGP PUBLIC KEY BLOCK-----'

export interface KeyFile {
  readonly path: Href
  readonly bytes: Buffer
}

/** @throws mirror.* if a configured key can't be fetched. An upstream without keys is valid. */
export async function findKeyFiles(
  deps: Pick<IndexDeps, 'upstream' | 'elsewhere'>,
  config: RepositoryConfig,
  options: { signal: AbortSignal; onEvent: OnSyncEvent },
): Promise<KeyFile[]> {
  const { gpgkey_file: file, gpgkey_url: url } = config.rpm
  const configured: KeyFile[] = []
  if (file !== undefined) configured.push(await localKey(file))
  if (url !== undefined) configured.push(await remoteKey(deps, config.name, url, options.signal))
  if (configured.length > 0) return configured
  try {
    return await upstreamKeys(deps.upstream, options.signal)
  } catch (error) {
    options.signal.throwIfAborted()
    if (!(error instanceof MusterError)) throw error
    options.onEvent({
      type: 'notice',
      message: `the upstream's key files were left out: ${error.message}`,
    })
    return []
  }
}

async function localKey(file: string): Promise<KeyFile> {
  const refuse = (reason: string, cause?: unknown): Error =>
    mirrorError('mirror.credentials', { file, reason }, { cause })
  try {
    if ((await stat(file)).size > MAX_KEY_BYTES)
      throw refuse(`it is longer than ${MAX_KEY_BYTES} bytes`)
    return armored(publishedName(file), await readFile(file), refuse)
  } catch (error) {
    if (mirrorError.is(error)) throw error
    throw refuse(`it can't be read (${errno(error) ?? 'unknown'})`, error)
  }
}

async function remoteKey(
  deps: Pick<IndexDeps, 'upstream' | 'elsewhere'>,
  repository: string,
  url: string,
  signal: AbortSignal,
): Promise<KeyFile> {
  const address = new URL(url)
  const refuse = (reason: string): Error =>
    mirrorError('mirror.unsupported', { repository, what: `rpm.gpgkey_url ${reason}` })
  if (address.username !== '' || address.password !== '')
    throw refuse('holds a user name or password; keys are public')
  if (address.search !== '')
    throw refuse(
      'has a query, as for a key server; ' +
        'save the key to a file and name that in rpm.gpgkey_file',
    )
  const folder = new URL('.', address)
  const path = parseHref(decoded(address.pathname.slice(folder.pathname.length)))
  if ('reason' in path) throw refuse(`names no file: ${path.reason}`)
  const found = await deps.elsewhere(folder).small(path.href, { maxBytes: MAX_KEY_BYTES, signal })
  if (typeof found === 'string') throw mirrorError('mirror.missing', { url, status: 404 })
  return armored(publishedName(path.href), found.bytes, (reason) =>
    mirrorError('mirror.metadata', { file: url, reason }),
  )
}

/** Resolves percent-escapes. A lone `%` is literal. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Returns the name of the file, if a published file may have it. */
function publishedName(path: string): Href {
  const parsed = parseHref(basename(path))
  return 'href' in parsed && parsed.href !== 'repodata' ? parsed.href : ownHref('RPM-GPG-KEY')
}

function armored(path: Href, bytes: Buffer, refuse: (reason: string) => Error): KeyFile {
  if (!bytes.includes(ARMOR)) throw refuse('it contains no armored OpenPGP public key')
  return { path, bytes }
}

async function upstreamKeys(upstream: Upstream, signal: AbortSignal): Promise<KeyFile[]> {
  let page: string
  try {
    const index = await upstream.small('', { maxBytes: MAX_INDEX_BYTES, signal })
    if (typeof index === 'string') return []
    page = index.bytes.toString('utf8')
  } catch (error) {
    // Servers that don't list folders return many statuses, content networks mostly 403.
    if (mirrorError.is(error, 'mirror.denied') || mirrorError.is(error, 'mirror.redirect'))
      return []
    throw error
  }
  const keys: KeyFile[] = []
  for (const name of keyNames(page)) {
    const found = await upstream.small(ownHref(name), { maxBytes: MAX_KEY_BYTES, signal })
    if (typeof found !== 'string' && found.bytes.includes(ARMOR))
      keys.push({ path: ownHref(name), bytes: found.bytes })
  }
  return keys
}

/** Returns the names of key files that an index page links to. The page is untrusted text. */
export function keyNames(page: string): string[] {
  const names = new Set<string>()
  for (const [, link] of page.matchAll(/href\s*=\s*["'](?:\.\/)?([^"'/?#]{1,200})["']/gi)) {
    if (link !== undefined && KEY_NAME.test(link)) names.add(link)
    if (names.size >= MAX_KEYS) break
  }
  return [...names].sort()
}
