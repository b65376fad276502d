/** The messages of `/muster/catalog/1`: the blob at a path of a published tree. */
import { z } from 'zod'
import { blobId } from '../../shared/ids.ts'

const safe = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
export const treeRequest = z.object({
  repository: safe,
  /** Absent for `latest`. */
  snapshot: safe.optional(),
  /** Decoded, relative, separated by `/`. The empty path is the tree's root. */
  path: z.string().max(4096),
})
export const treeResponse = z.object({
  found: z.enum(['file', 'folder', 'nothing']),
  blob: z.custom<string>((value) => blobId.is(value), 'expected a blob id').optional(),
  size: z.int().nonnegative().optional(),
  /** The names in a folder. Names of folders end in a slash. */
  entries: z.array(z.string()).max(100_000).optional(),
  modifiedAt: z.string().optional(),
})
export const repositoriesResponse = z.object({
  repositories: z.array(
    z.object({
      id: z.string(),
      /**
       * The type in the configuration. Older coordinators, which support only rpm, don't send it.
       */
      type: z.string().max(32).optional(),
      snapshots: z.array(z.string()),
      gpgkey: z.string().nullable(),
    }),
  ),
})
