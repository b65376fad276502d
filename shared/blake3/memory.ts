/**
 * The memory of a BLAKE3 kernel: one block that never moves or grows, with the same layout for
 * every kernel, so that bytes can be placed where they are hashed. The operating system commits its
 * pages only when they are touched.
 */
import { GROUP_BYTES, HASH_BYTES, PARENT_BYTES } from './geometry.ts'

/**
 * Where a kernel pads the last block of a chunk, keeps the initial vector, and folds chaining
 * values. kernel.as.ts has the same numbers, and a table at 1152.
 */
export const BLOCK_AT = 1024
export const IV_AT = 1088
export const FOLD_AT = 2048
/**
 * The groups that one call hashes at most: 1 MiB of content. Their chunks' chaining values fill the
 * fold area.
 */
export const BATCH_GROUPS = 64
export const BATCH_BYTES = BATCH_GROUPS * GROUP_BYTES

/** Results of a call: chaining values, one after another. */
export const OUTPUT_AT = 64 * 1024
/** Bytes to hash, for callers that use them before they yield to other tasks. */
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

/** Position of a hash in the output area. */
export const outputAt = (i: number): number => OUTPUT_AT + i * HASH_BYTES
export const slotAt = (i: number): number => SLOTS_AT + i * SLOT_BYTES
