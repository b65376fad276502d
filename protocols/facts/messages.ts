/** The messages of `/muster/facts/1`. */
import { z } from 'zod'
import { factCollection } from '../../shared/facts/collection.ts'
import { signedMessage } from '../statement.ts'

/**
 * The result of a collection, in a form for older coordinators and as a statement that the host
 * signed.
 */
const collectionFields = {
  collection: factCollection.optional(),
  /** A `collection` statement. Older agents don't send it. */
  collectionStatement: signedMessage.optional(),
}

/**
 * Coordinator → agent: requests the updates after the state that the coordinator has. (0, 0)
 * requests all.
 */
export const pullRequest = z.object({
  epoch: z.int().nonnegative(),
  sequence: z.int().nonnegative(),
  /**
   * The root of the set at that position. With it, the agent detects that its disk was restored to
   * an older state. Absent with (0, 0).
   */
  root: z.string().max(64).optional(),
})
/**
 * Statements in order. After a `full` statement, the package set is sent as data in canonical JSON.
 * `collection` is the host's report on its newest collection. Older agents don't send it.
 */
export const pullResponse = z.object({
  updates: z.array(signedMessage).max(256),
  ...collectionFields,
})

/**
 * Agent → coordinator, in one-shot mode: one statement. A `full` statement has the set as its
 * upload.
 */
export const pushRequest = z.object({
  update: signedMessage,
  ...collectionFields,
})
/** `gap`: the coordinator has the state at (epoch, sequence) and needs the statements after it. */
export const pushResponse = z.object({
  result: z.enum(['applied', 'known', 'gap']),
  epoch: z.int(),
  sequence: z.int(),
})

/** Agent → coordinator: the report on its newest collection, also if the facts did not change. */
export const reportRequest = z.object({ ...collectionFields, collection: factCollection })
export const reportResponse = z.object({})
