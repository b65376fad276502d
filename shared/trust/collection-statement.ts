/** The result of an agent's newest collection of its packages, sent beside its facts. */
import { z } from 'zod'
import { agentField, counterField, fleetField, objectField, timeField } from './fields.ts'

/** As many as a collection has (shared/facts/collection.ts). */
const MAX_ITEMS = 32

export const collectionSchema = z.strictObject({
  type: z.literal('muster/collection/v1'),
  fleet: fleetField,
  agent: agentField,
  /** The position of the facts that it belongs to; (0, 0) if the host has none. */
  epoch: counterField,
  sequence: counterField,
  at: timeField,
  /** What was found of each package manager. Fields of a newer version are kept. */
  managers: z.array(objectField).max(MAX_ITEMS),
  problems: z.array(objectField).max(MAX_ITEMS),
})
