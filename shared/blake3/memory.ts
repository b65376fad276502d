/**
 * Defines the memory of a BLAKE3 kernel: one block that never moves or grows. Every kernel has the
 * same layout, so that bytes can be placed where they are hashed. The operating system commits its
 * pages only when they are used.
 */
import { GROUP_BYTES, HASH_BYTES, PARENT_BYTES } from './geometry.ts'

/**
 * The areas in which a kernel pads the last block of a chunk, keeps the initial vector, and folds
 * chaining values. kernel.as.ts has the same numbers, and a table at 1152.
 */
export const BLOCK_AT = 1024
export const IV_AT = 1088
export const FOLD_AT = 2048
/**
 * The maximum number of groups in one call: 1 MiB of content. The chaining values of their chunks
 * fill the fold area.
 */
export const BATCH_GROUPS = 64
export const BATCH_BYTES = BATCH_GROUPS * GROUP_BYTES

/** The area for the results of a call: chaining values, one after another. */
export const OUTPUT_AT = 64 * 1024
/** The area for bytes that a caller hashes before other tasks run. */
export const INPUT_AT = 128 * 1024

/**
 * Slots that keep encoded bytes across calls, from arrival to disk: a batch of groups and the
 * parents between them.
 */
export const SLOT_BYTES = BATCH_BYTES + 128 * PARENT_BYTES
/**
 * Sixteen slots feed four transfers at full speed. If none is free, a caller uses a separate buffer
 * and copies each group to verify it.
 */
export const SLOT_COUNT = 16
const SLOTS_AT = INPUT_AT + BATCH_BYTES

const PAGE = 64 * 1024
export const MEMORY_PAGES = Math.ceil((SLOTS_AT + SLOT_COUNT * SLOT_BYTES) / PAGE)
export const MEMORY_BYTES = MEMORY_PAGES * PAGE

/** Returns the position of a hash in the output area. */
export const outputAt = (i: number): number => OUTPUT_AT + i * HASH_BYTES
export const slotAt = (i: number): number => SLOTS_AT + i * SLOT_BYTES
