/**
 * Reads and writes key files. A private key is read only from a regular file of at most 64 KiB. The
 * file must belong to this user or to root, and other users must not have access. Links, pipes and
 * devices are rejected. A key is written once, durably, and never replaced.
 */
import { errno } from '../errno.ts'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { diskReason } from '../disk-reason.ts'
import { writeDurable } from '../durable-file.ts'
import type { Random } from '../random.ts'
import { identityError } from './errors.ts'
import { formatPrivateKey, parsePrivateKey, type PrivateKeyFile } from './private-key.ts'
import type { NodeKey } from './signer.ts'

/**
 * An ed25519 key file has about 400 bytes. An RSA key, which is rejected by name, has up to 7 KiB.
 */
const MAX_FILE_BYTES = 64 * 1024

/**
 * Reads a private key file and decrypts it if needed.
 * @param options.passphrase called only if the file is encrypted
 * @throws identity.key-file-missing, identity.key-file, and the errors of {@link parsePrivateKey}
 * and its unlock()
 */
export async function loadKeyFile(
  path: string,
  options: { passphrase?: () => Promise<string>; signal?: AbortSignal } = {},
): Promise<NodeKey> {
  const file = await readPrivateKeyFile(path, options.signal)
  return file.unlock(file.encrypted ? await options.passphrase?.() : undefined)
}

/** Reads the public half of a private key file, and whether it is encrypted. Doesn't decrypt it. */
export async function readPrivateKeyFile(
  path: string,
  signal?: AbortSignal,
): Promise<PrivateKeyFile> {
  return parsePrivateKey(await readKeyText(path, { secret: true }, signal), path)
}

/**
 * Writes `key` to a new file in OpenSSH format, mode 0600.
 * @throws identity.key-exists, identity.key-unwritable
 */
export async function saveKeyFile(
  deps: { random: Random },
  path: string,
  key: NodeKey,
  options: { passphrase?: string; comment?: string } = {},
): Promise<void> {
  try {
    await writeDurable(deps, path, formatPrivateKey(deps, key, options), {
      mode: 0o600,
      exclusive: true,
    })
  } catch (cause) {
    if (errno(cause) === 'EEXIST') throw identityError('identity.key-exists', { path }, { cause })
    const reason = diskReason(cause)
    if (reason === undefined) throw cause
    throw identityError('identity.key-unwritable', { path, reason }, { cause })
  }
}

/**
 * Returns the text of a key file, public or private.
 * @param options.secret also rejects links, other owners, and any permission for group and others
 * @throws identity.key-file-missing, identity.key-file
 */
export async function readKeyText(
  path: string,
  options: { secret: boolean },
  signal?: AbortSignal,
): Promise<string> {
  signal?.throwIfAborted()
  // O_NONBLOCK prevents that opening a pipe without a writer blocks. O_NOCTTY prevents that a
  // terminal device becomes the controlling terminal.
  const flags =
    constants.O_RDONLY |
    constants.O_NONBLOCK |
    constants.O_NOCTTY |
    (options.secret ? constants.O_NOFOLLOW : 0)
  let file: FileHandle
  try {
    file = await open(path, flags)
  } catch (cause) {
    const code = errno(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw identityError('identity.key-file-missing', { path }, { cause })
    const reason =
      code === 'ELOOP'
        ? 'it is a symbolic link'
        : code === 'EACCES'
          ? 'reading it is not permitted'
          : (code ?? 'it cannot be opened')
    throw identityError('identity.key-file', { path, reason }, { cause })
  }
  try {
    // fstat checks the open file, so that the checked file is the one that is read.
    const stat = await file.stat()
    const refuse = (reason: string): Error => identityError('identity.key-file', { path, reason })
    if (!stat.isFile()) throw refuse('it is not a regular file')
    if (stat.size > MAX_FILE_BYTES)
      throw refuse(`it has ${stat.size} bytes, more than ${MAX_FILE_BYTES}`)
    const fault = options.secret ? permissionFault(stat, process.getuid?.() ?? 0) : undefined
    if (fault !== undefined) throw refuse(fault)
    // The buffer has one byte more than allowed. So it detects a file that grew, or one without a
    // known size (/proc).
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1)
    let length = 0
    for (let read = 1; read > 0 && length < buffer.length; length += read)
      read = (await file.read(buffer, length, buffer.length - length, length)).bytesRead
    if (length > MAX_FILE_BYTES) throw refuse(`it has more than ${MAX_FILE_BYTES} bytes`)
    const text = buffer.toString('utf8', 0, length)
    buffer.fill(0)
    return text
  } finally {
    await file.close()
  }
}

/**
 * Returns the reason why user `uid` must not read a private key from a file with this owner and
 * mode. Undefined if it may.
 */
export function permissionFault(
  stat: { readonly uid: number; readonly mode: number },
  uid: number,
): string | undefined {
  if (stat.uid !== uid && stat.uid !== 0) return `it belongs to user ${stat.uid}`
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
    return `mode ${mode} gives other users access, expected 0600`
  }
  return undefined
}
