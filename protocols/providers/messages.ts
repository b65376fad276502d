/** The messages of `/muster/providers/1`. */
import { z } from 'zod'
import { HOST_NAME } from '../../shared/host-name.ts'
import { keyOfPeerId } from '../../shared/identity/peer-id.ts'
import { MAX_RANGES, blobField, rangeField } from '../blobs/messages.ts'

/** The maximum number of blobs in one message: a page of a pool's list, with 80 bytes each. */
export const MAX_ANNOUNCED = 1000
export const MAX_ASKED = 64
/** The maximum number of providers of one blob in a response. A fetch uses fewer at once. */
export const MAX_PROVIDERS = 32
/** The maximum number of addresses of one node: two families in each of two networks. */
export const MAX_ADDRESSES = 4
/** The maximum number of host names in one message. */
export const MAX_AWAY_NAMES = 5

const size = z.int().nonnegative()
const addresses = z.array(z.string().max(256)).max(MAX_ADDRESSES)
const peerField = z.string().refine((text) => {
  try {
    return keyOfPeerId(text).length > 0
  } catch {
    return false
  }
}, 'expected the peer id of an ed25519 key')

export const announceRequest = z.object({
  /**
   * The addresses at which other members can dial the sender. The coordinator passes on plausible
   * ones.
   */
  addresses,
  holds: z
    .array(
      z.object({
        id: blobField,
        size,
        /** Absent if the sender has the whole blob. */
        ranges: z.array(rangeField).max(MAX_RANGES).optional(),
      }),
    )
    .max(MAX_ANNOUNCED),
  /** Blobs that the sender no longer has. */
  drops: z.array(blobField).max(MAX_ANNOUNCED),
  /** True in the last message of a complete list of the sender's blobs. */
  all: z.boolean().optional(),
})
/**
 * The lifetime of the announcement in milliseconds. The sender announces again after half of it.
 */
export const announceResponse = z.object({ expiresInMs: z.int().positive() })

export const findRequest = z.object({ ids: z.array(blobField).min(1).max(MAX_ASKED) })
export const findResponse = z.object({
  /** One item for each id, in order. The list is empty if no provider is known. */
  found: z
    .array(
      z
        .array(
          z.object({
            peer: peerField,
            /**
             * Empty for the coordinator itself, and for a node that only the coordinator can reach.
             */
            addresses,
            size,
            ranges: z.array(rangeField).max(MAX_RANGES).optional(),
          }),
        )
        .max(MAX_PROVIDERS),
    )
    .max(MAX_ASKED),
  /**
   * Hosts of the fleet whose blobs are unknown to the coordinator now. Absent if there are none.
   */
  away: z
    .object({
      count: z.int().positive(),
      /** Some of the hosts' names, for people. */
      names: z.array(z.string().regex(HOST_NAME)).max(MAX_AWAY_NAMES),
    })
    .optional(),
})
export type Away = NonNullable<z.infer<typeof findResponse>['away']>
export type Announcement = z.infer<typeof announceRequest>
export type Provider = z.infer<typeof findResponse>['found'][number][number]
