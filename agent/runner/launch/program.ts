/**
 * Finds the program of an order as execvp(3) would, and says beforehand what the kernel would say:
 * no such file, no execute permission for anybody, an interpreter that doesn't exist, a format that
 * this machine doesn't run. What only the kernel can know (this user's rights, a busy file) is
 * learnt from the exec itself.
 */
import { open, readdir, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { startFailure } from '../ground/start-failure.ts'

/**
 * The kernel looks at this much of a file to know its format (BINPRM_BUF_SIZE in Linux's
 * binfmts.h).
 */
const MAGIC_BYTES = 256
/**
 * A script's interpreter may be a script; the kernel follows as many (exec_binprm in Linux's
 * exec.c).
 */
const MAX_INTERPRETERS = 5

/** The file that will be executed. Throws a StartFailure. */
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
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw startFailure(error.code ?? 'EIO', shown)
  })
  if (!found.isFile() || (found.mode & 0o111) === 0) throw startFailure('EACCES', shown)
  const magic = await readMagic(file)
  // Executable but not readable for us: the kernel still runs it.
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
 * ELF with the class, byte order and machine that this very process has; 32-bit x86 runs on 64-bit
 * x86 (ELF specification, e_ident, e_machine).
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
 * True if the kernel was taught more formats, such as Java archives or other processors' programs
 * (binfmt_misc).
 */
async function hasOtherFormats(): Promise<boolean> {
  const names = await readdir('/proc/sys/fs/binfmt_misc').catch(() => [])
  return names.some((name) => name !== 'register' && name !== 'status')
}
