/** The messages of `/muster/facts/1`. */
import { z } from 'zod'
import { factCollection } from '../../shared/facts/collection.ts'
import { signedMessage } from '../statement.ts'

/** How a collection went, for older coordinators too, and the same signed by the host. */
const collectionFields = {
  collection: factCollection.optional(),
  /** A `collection` statement; absent from older agents. */
  collectionStatement: signedMessage.optional(),
}

/**
 * Coordinator → agent: the updates after the state that the coordinator holds. (0, 0) asks for all.
 */
export const pullRequest = z.object({
  epoch: z.int().nonnegative(),
  sequence: z.int().nonnegative(),
  /**
   * Root of the set at that position. It reveals a host whose disk was restored to an older state.
   * Absent with (0, 0).
   */
  root: z.string().max(64).optional(),
})
/**
 * Statements in order. The package set follows a `full` one as data, in canonical JSON.
 * `collection` is the host's report on its newest collection; absent from older agents.
 */
export const pullResponse = z.object({
  updates: z.array(signedMessage).max(256),
  ...collectionFields,
})

/** Agent → coordinator, in one-shot mode: one statement, with the set as upload if it is `full`. */
export const pushRequest = z.object({
  update: signedMessage,
  ...collectionFields,
})
/** `gap`: the coordinator holds (epoch, sequence) and needs the statements after it. */
export const pushResponse = z.object({
  result: z.enum(['applied', 'known', 'gap']),
  epoch: z.int(),
  sequence: z.int(),
})

/** Agent → coordinator: the report on its newest collection, whether or not the facts changed. */
export const reportRequest = z.object({ ...collectionFields, collection: factCollection })
export const reportResponse = z.object({})
