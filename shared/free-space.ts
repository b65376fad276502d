/** Checks the free space of a folder's file system. */
import { statfs } from 'node:fs/promises'
import { KIB } from './units.ts'

/** Space for a few small files, each with a block and a folder entry. */
const LEAST_BYTES = 64 * KIB

/** Bytes that this process can still write there. root may use the reserved blocks. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bfree, bsize } = await statfs(path)
  return (process.geteuid?.() === 0 ? bfree : bavail) * bsize
}

/** True if not even a few small files fit. False if the folder can't be examined. */
export async function isFull(path: string): Promise<boolean> {
  const free = await freeBytes(path).catch(() => LEAST_BYTES)
  return free < LEAST_BYTES
}
