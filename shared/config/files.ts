/**
 * Reads configuration files safely. Their content can make this process run programs. So each file
 * must be a regular file of root or of this user, and other users must not be able to write it. An
 * included file must not be a symbolic link. Sizes are checked before reading.
 */
import { constants, globSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errno } from '../errno.ts'
import { configError } from './errors.ts'

/** A configuration of a thousand repositories has about a third of this size. */
const MAX_FILE_BYTES = 1024 * 1024
/** The largest mirrors have fewer repositories. */
const MAX_FILES = 10_000

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  ENAMETOOLONG: 'its name is too long',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
  EIO: 'the disk failed',
}

/** Reads the text of one configuration file. @throws config.unreadable, config.unsafe */
export async function readConfigFile(
  file: string,
  options: { uid: number; followLink: boolean },
): Promise<string> {
  const flags =
    constants.O_RDONLY | constants.O_NONBLOCK | (options.followLink ? 0 : constants.O_NOFOLLOW)
  let handle: FileHandle
  try {
    handle = await open(file, flags)
  } catch (cause) {
    const code = errno(cause)
    if (code === 'ELOOP')
      throw configError('config.unsafe', { file, reason: 'it is a symbolic link' }, { cause })
    const reason = REASONS[code ?? ''] ?? 'it cannot be opened'
    throw configError('config.unreadable', { file, reason }, { cause })
  }
  try {
    // fstat on the open file, so that the file can't be exchanged between check and read.
    const stat = await handle.stat()
    const refuse = (reason: string): Error => configError('config.unsafe', { file, reason })
    if (!stat.isFile())
      throw refuse(stat.isDirectory() ? 'it is a folder' : 'it is not a regular file')
    if (stat.uid !== 0 && stat.uid !== options.uid)
      throw refuse(`it belongs to user ${stat.uid}, expected root or user ${options.uid}`)
    if ((stat.mode & 0o002) !== 0) throw refuse('all users may write it')
    if (stat.size > MAX_FILE_BYTES)
      throw refuse(`it has ${stat.size} bytes, expected at most ${MAX_FILE_BYTES}`)
    const bytes = Buffer.alloc(stat.size)
    const { bytesRead } = await handle.read(bytes, 0, stat.size, 0)
    return decode(file, bytes.subarray(0, bytesRead))
  } finally {
    await handle.close()
  }
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw configError('config.unreadable', { file, reason: 'it is not UTF-8 text' }, { cause })
  }
}

/**
 * Returns the files that match `pattern`, relative to the main file's folder, sorted by name. Only
 * names that end in .yaml count, because editors and package managers leave `x.yaml~` and
 * `x.yaml.rpmsave`.
 */
export function includedFiles(mainFile: string, pattern: string): string[] {
  const folder = dirname(mainFile)
  const found = globSync(pattern, { cwd: folder }).filter((name) => name.endsWith('.yaml'))
  if (found.length > MAX_FILES)
    throw configError('config.unsafe', {
      file: mainFile,
      reason: `include names more than ${MAX_FILES} files`,
    })
  return [...new Set(found.map((name) => resolve(folder, name)))]
    .filter((file) => file !== resolve(mainFile))
    .sort()
}
