/** The messages of `/muster/local/1`: content, over the node's own socket. */
import { z } from 'zod'
import { factProblem } from '../../shared/facts/collection.ts'
import { blobId } from '../../shared/ids.ts'

const blob = z.custom<string>((value) => blobId.is(value), 'expected a blob id')

export const addResponse = z.object({ blob, size: z.int().nonnegative(), existed: z.boolean() })
export const getRequest = z.object({
  blob,
  /** Bytes from `start` to before `end`; absent: the whole blob. */
  range: z.object({ start: z.int().nonnegative(), end: z.int().positive() }).optional(),
})
export const getResponse = z.object({ size: z.int().nonnegative() })
/**
 * Before the first byte: how large the whole blob is, and how much of it is on this node already.
 */
export const getProgress = z.object({ size: z.int().nonnegative(), done: z.int().nonnegative() })
export const providersRequest = z.object({ blob })
export const providersResponse = z.object({
  providers: z.array(z.object({ name: z.string(), peerId: z.string(), whole: z.boolean() })),
})
/**
 * Repositories that this agent's gateway serves; `gpgkey` is the path of a key to import, null
 * where there is none.
 */
export const repositoriesResponse = z.object({
  repositories: z.array(z.object({ id: z.string(), gpgkey: z.string().nullable() })),
})
/** `accept`: what is found is right, although it looks as if the database were damaged. */
export const factsRequest = z.object({ accept: z.boolean().optional() })
/**
 * Once the coordinator has them: whether it knew them already, and how many packages this host has.
 */
export const factsResponse = z.object({
  result: z.enum(['applied', 'known']),
  packages: z.int().nonnegative(),
  /** What could not be read, or is odd; absent from older agents. */
  problems: z.array(factProblem).optional(),
})
export const checkRequest = z.object({
  /** Everything, instead of a sample. */
  deep: z.boolean(),
})
export const checkProgress = z.object({
  checked: z.int().nonnegative(),
  of: z.int().nonnegative(),
  /** Hashed so far. */
  bytes: z.int().nonnegative(),
})
const checkedBlob = z.object({
  blob,
  size: z.int().nonnegative(),
  /** `missing`: it is published and not in the pool. */
  state: z.enum(['damaged', 'missing']),
  /** Some of the files that it is known by: `REPOSITORY: PATH`. */
  files: z.array(z.string()),
  /** What it was fetched again from; null if it could not be had. */
  healedFrom: z.string().nullable(),
  /** Why it could not be had; null if it was. */
  reason: z.string().nullable(),
})
export type CheckedBlob = z.infer<typeof checkedBlob>
export const checkResponse = z.object({
  deep: z.boolean(),
  /** Blobs in the pool when the check began. */
  blobs: z.int().nonnegative(),
  hashed: z.int().nonnegative(),
  hashedBytes: z.int().nonnegative(),
  damaged: z.int().nonnegative(),
  missing: z.int().nonnegative(),
  /** Of the damaged and the missing ones: how many were fetched again. */
  healed: z.int().nonnegative(),
  /**
   * The damaged and the missing ones, those first that could not be had; not all where there are
   * many.
   */
  found: z.array(checkedBlob),
  /** What is published, was not what it must be, and was laid out again: `REPOSITORY/TARGET`. */
  repaired: z.array(z.string()),
  /** What is published and could not be laid out again, each with the reason. */
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
   * Peer id of the coordinator that an agent is connected to; null: none. Absent on a coordinator.
   */
  coordinator: z.string().nullable().optional(),
})
