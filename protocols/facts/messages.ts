/** The messages of `/muster/facts/1`. */
import { z } from 'zod'
import { factCollection } from '../../shared/facts/collection.ts'
import { signedMessage } from '../statement.ts'

/**
 * Coordinator → agent: what follows the state that the coordinator holds. (0, 0) asks for
 * everything.
 */
export const pullRequest = z.object({
  epoch: z.int().nonnegative(),
  sequence: z.int().nonnegative(),
  /**
   * Root of the set at that position, so that a host whose disk went back in time notices. Absent
   * with (0, 0).
   */
  root: z.string().max(64).optional(),
})
/**
 * Statements in order. A `full` one is followed by the canonical JSON of the package set as data.
 * `collection` says how the host's newest look at its packages went; absent from older agents.
 */
export const pullResponse = z.object({
  updates: z.array(signedMessage).max(256),
  collection: factCollection.optional(),
})

/**
 * Agent → coordinator, in one-shot mode: the same the other way round, the set as upload where the
 * statement is `full`.
 */
export const pushRequest = z.object({
  update: signedMessage,
  collection: factCollection.optional(),
})
/** `gap`: the coordinator holds (epoch, sequence) and needs what follows it. */
export const pushResponse = z.object({
  result: z.enum(['applied', 'known', 'gap']),
  epoch: z.int(),
  sequence: z.int(),
})

/** Agent → coordinator: how its newest look went, with or without facts that it led to. */
export const reportRequest = z.object({ collection: factCollection })
export const reportResponse = z.object({})
