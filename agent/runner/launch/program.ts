/**
 * Finds the program of a run as execvp(3) does. Before the exec, it makes checks of the kernel: a
 * missing file, execute permission or interpreter, and an unknown format. The exec itself reports
 * the rest, such as the rights of the user or a busy file.
 */
import { open, readdir, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errno } from '../../../shared/errno.ts'
import { startFailure } from '../ground/start-failure.ts'

/**
 * The number of bytes from which the kernel recognises a format (BINPRM_BUF_SIZE in Linux's
 * binfmts.h).
 */
const MAGIC_BYTES = 256
/**
 * An interpreter may be a script too. The kernel follows this many (exec_binprm in Linux's exec.c).
 */
const MAX_INTERPRETERS = 5

/** Returns the file that will be executed. @throws StartFailure */
export async function findProgram(
  name: string,
  options: { path: string; cwd: string },
): Promise<string> {
  if (name.includes('\0')) throw startFailure('EINVAL', `program ${JSON.stringify(name)}`)
  if (name.includes('/')) {
    const file = resolve(options.cwd, name)
    await check(file, file === name ? name : `${name} (${file})`, 0)
    return file
  }
  let denied = false
  for (const folder of options.path.split(':')) {
    const file = resolve(options.cwd, folder, name)
    const found = await stat(file).catch(() => undefined)
    if (found?.isFile() !== true) continue
    denied = true
    if ((found.mode & 0o111) === 0) continue
    await check(file, file, 0)
    return file
  }
  throw startFailure(denied ? 'EACCES' : 'ENOENT', name)
}

async function check(file: string, shown: string, depth: number): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    throw startFailure(errno(error) ?? 'EIO', shown)
  })
  if (!found.isFile() || (found.mode & 0o111) === 0) throw startFailure('EACCES', shown)
  const magic = await readMagic(file)
  // The runner may not read the file, but the kernel can still execute it.
  if (magic === undefined) return
  const interpreter = /^#![ \t]*([^ \t\n\0]+)/.exec(magic.toString('latin1'))?.[1]
  if (interpreter !== undefined) {
    if (depth === MAX_INTERPRETERS) throw startFailure('ELOOP', shown)
    return check(interpreter, `${interpreter}, the interpreter of ${shown}`, depth + 1)
  }
  if (!isOurFormat(magic, await readMagic('/proc/self/exe')) && !(await hasOtherFormats()))
    throw startFailure('ENOEXEC', shown)
}

/**
 * Returns true for an ELF file for the machine of this process (ELF specification, e_ident,
 * e_machine). 32-bit programs of x86 and ARM run on their 64-bit machines.
 */
function isOurFormat(magic: Buffer, own: Buffer | undefined): boolean {
  if (magic.length < 20 || magic.toString('latin1', 0, 4) !== '\x7fELF') return false
  if (own === undefined) return true
  const [machine, ours] = [magic.readUInt16LE(18), own.readUInt16LE(18)]
  return machine === ours || (machine === 3 && ours === 62) || (machine === 40 && ours === 183)
}

async function readMagic(file: string): Promise<Buffer | undefined> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/**
 * Returns true if the kernel has more formats, such as programs of other processors (binfmt_misc).
 */
async function hasOtherFormats(): Promise<boolean> {
  const names = await readdir('/proc/sys/fs/binfmt_misc').catch(() => [])
  return names.some((name) => name !== 'register' && name !== 'status')
}
