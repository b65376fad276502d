/** The statement about an agent's newest collection of its packages. It is sent with the facts. */
import { z } from 'zod'
import { agentField, counterField, fleetField, objectField, timeField } from './fields.ts'

/** The maximum number, as in a collection (shared/facts/collection.ts). */
const MAX_ITEMS = 32

export const collectionSchema = z.strictObject({
  type: z.literal('muster/collection/v1'),
  fleet: fleetField,
  agent: agentField,
  /** The position of the facts of this collection. (0, 0) if the host has none. */
  epoch: counterField,
  sequence: counterField,
  at: timeField,
  /** The result for each package manager. Fields of a newer version are kept. */
  managers: z.array(objectField).max(MAX_ITEMS),
  problems: z.array(objectField).max(MAX_ITEMS),
})
