/** Checks the free space of a folder's file system. */
import { statfs } from 'node:fs/promises'
import { KIB } from './units.ts'

/** The space for a few small files, each with a block and a folder entry. */
const LEAST_BYTES = 64 * KIB

/** Returns the bytes that this process can still write there. root may use the reserved blocks. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bfree, bsize } = await statfs(path)
  return (process.geteuid?.() === 0 ? bfree : bavail) * bsize
}

/**
 * Returns true if there is no space for a few small files. Returns false if the folder can't be
 * examined.
 */
export async function isFull(path: string): Promise<boolean> {
  const free = await freeBytes(path).catch(() => LEAST_BYTES)
  return free < LEAST_BYTES
}
