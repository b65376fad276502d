/** Whether a folder's file system has any room left. */
import { statfs } from 'node:fs/promises'
import { KIB } from './units.ts'

/** A few small files, each a block and an entry of its folder. */
const LEAST_BYTES = 64 * KIB

/** Bytes that this process may still write there. root may use what is reserved for it. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bfree, bsize } = await statfs(path)
  return (process.geteuid?.() === 0 ? bfree : bavail) * bsize
}

/** True where not even a few small files fit. A folder that can't be looked at is not full. */
export async function isFull(path: string): Promise<boolean> {
  const free = await freeBytes(path).catch(() => LEAST_BYTES)
  return free < LEAST_BYTES
}
