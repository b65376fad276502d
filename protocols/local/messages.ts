/** The messages of `/muster/local/1`: content, for whoever holds the node's own socket. */
import { z } from 'zod'
import { blobId } from '../../shared/ids.ts'

const blob = z.custom<string>((value) => blobId.is(value), 'expected a blob id')

export const addResponse = z.object({ blob, size: z.int().nonnegative(), existed: z.boolean() })
export const getRequest = z.object({
  blob,
  /** Bytes from `start` to before `end`; absent: the whole blob. */
  range: z.object({ start: z.int().nonnegative(), end: z.int().positive() }).optional(),
})
export const getResponse = z.object({ size: z.int().nonnegative() })
/** Before the first byte: how large the whole blob is, and how much of it is on this node already. */
export const getProgress = z.object({ size: z.int().nonnegative(), done: z.int().nonnegative() })
export const providersRequest = z.object({ blob })
export const providersResponse = z.object({
  providers: z.array(z.object({ name: z.string(), peerId: z.string(), whole: z.boolean() })),
})
/** Repositories that this agent's gateway serves; `gpgkey` is the path of a key to import, null where there is none. */
export const repositoriesResponse = z.object({
  repositories: z.array(z.object({ id: z.string(), gpgkey: z.string().nullable() })),
})
/** Once the coordinator has them: whether it knew them already, and how many packages this host has. */
export const factsResponse = z.object({
  result: z.enum(['applied', 'known']),
  packages: z.int().nonnegative(),
})
export const infoResponse = z.object({
  role: z.enum(['coordinator', 'agent']),
  name: z.string(),
  peerId: z.string(),
  version: z.string(),
  gateway: z.string().nullable(),
  /** Peer id of the coordinator that an agent is connected to; null: none. Absent on a coordinator. */
  coordinator: z.string().nullable().optional(),
})
