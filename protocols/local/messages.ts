/** The messages of `/muster/local/1`: content, over the node's own socket. */
import { z } from 'zod'
import { factProblem } from '../../shared/facts/collection.ts'
import { blobId } from '../../shared/ids.ts'

const blob = z.custom<string>((value) => blobId.is(value), 'expected a blob id')

export const addResponse = z.object({ blob, size: z.int().nonnegative(), existed: z.boolean() })
export const getRequest = z.object({
  blob,
  /** Bytes from `start` up to, but not including, `end`. Absent for the whole blob. */
  range: z.object({ start: z.int().nonnegative(), end: z.int().positive() }).optional(),
})
export const getResponse = z.object({ size: z.int().nonnegative() })
/**
 * Sent before the first byte: the size of the blob, and the number of its bytes that this node
 * already has.
 */
export const getProgress = z.object({ size: z.int().nonnegative(), done: z.int().nonnegative() })
export const providersRequest = z.object({ blob })
export const providersResponse = z.object({
  providers: z.array(z.object({ name: z.string(), peerId: z.string(), whole: z.boolean() })),
})
/**
 * The repositories that this agent's gateway serves. `gpgkey` is the path of a key to import, or
 * null if there is none.
 */
export const repositoriesResponse = z.object({
  repositories: z.array(
    z.object({
      id: z.string(),
      /** The type in the configuration. Older agents, which support only rpm, don't send it. */
      type: z.string().max(32).optional(),
      gpgkey: z.string().nullable(),
    }),
  ),
})
/** `accept`: managers whose packages are recorded as found, also if the database looks damaged. */
export const factsRequest = z.object({ accept: z.array(z.string().max(64)).max(32).optional() })
/** Sent after the coordinator has the facts. `result` shows whether it already had them. */
export const factsResponse = z.object({
  result: z.enum(['applied', 'known']),
  packages: z.int().nonnegative(),
  /** Problems of the collection. Older agents don't send this field and the ones below. */
  problems: z.array(factProblem).optional(),
  /** True if this collection changed the facts of the host. */
  changed: z.boolean().optional(),
  /** Packages that earlier collections kept in doubt and that this one records as removed. */
  confirmed: z.array(z.object({ manager: z.string(), gone: z.int().nonnegative() })).optional(),
})
export const checkRequest = z.object({
  /** True to check the whole pool, not only a sample. */
  deep: z.boolean(),
})
export const checkProgress = z.object({
  checked: z.int().nonnegative(),
  of: z.int().nonnegative(),
  /** Number of bytes hashed so far. */
  bytes: z.int().nonnegative(),
})
const checkedBlob = z.object({
  blob,
  size: z.int().nonnegative(),
  /** `missing`: the blob is published, but not in the pool. */
  state: z.enum(['damaged', 'missing']),
  /** Some of the files with this content: `REPOSITORY: PATH`. */
  files: z.array(z.string()),
  /** The source from which the blob was fetched again. Null if that failed. */
  healedFrom: z.string().nullable(),
  /** The reason why the blob could not be fetched again. Null if it was fetched. */
  reason: z.string().nullable(),
})
export type CheckedBlob = z.infer<typeof checkedBlob>
export const checkResponse = z.object({
  deep: z.boolean(),
  /** Number of blobs in the pool when the check began. */
  blobs: z.int().nonnegative(),
  hashed: z.int().nonnegative(),
  hashedBytes: z.int().nonnegative(),
  damaged: z.int().nonnegative(),
  missing: z.int().nonnegative(),
  /** The number of damaged and missing blobs that were fetched again. */
  healed: z.int().nonnegative(),
  /**
   * The damaged and missing blobs. Those that could not be fetched again come first. A long list is
   * cut.
   */
  found: z.array(checkedBlob),
  /** Altered publications that were built again: `REPOSITORY/TARGET`. */
  repaired: z.array(z.string()),
  /** Publications that could not be built again, each with the reason. */
  unrepaired: z.array(z.string()),
})
export type CheckResponse = z.infer<typeof checkResponse>
export const infoResponse = z.object({
  role: z.enum(['coordinator', 'agent']),
  name: z.string(),
  peerId: z.string(),
  version: z.string(),
  gateway: z.string().nullable(),
  /**
   * The peer id of the coordinator to which an agent is connected, or null if there is none. Absent
   * on a coordinator.
   */
  coordinator: z.string().nullable().optional(),
})
