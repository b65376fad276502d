/**
 * Values that are sent with a signed intent, each with the salt that opens its commitment
 * (shared/trust/commitment.ts). The command line sends them to a coordinator, which sends them to
 * the hosts that the intent names. Receivers keep them only in memory, until the operation ends.
 */
import { z } from 'zod'
import { SALT_BYTES } from '../../shared/trust/commitment.ts'
import { KIB } from '../../shared/units.ts'

/** Accepts the names of environment variables that every shell supports. */
export const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected letters, digits and underscores, no digit first')
  .max(256, 'expected at most 256 characters')
  .refine((name) => name !== '__proto__', 'expected another name than __proto__')

/**
 * The maximum number of variables, which is more than a program reads. Their commitments leave
 * space for the rest of an intent.
 */
export const MAX_VARIABLES = 256
/**
 * The maximum bytes of all names and values together. The kernel allows 128 KiB for one variable.
 */
export const MAX_VALUES_BYTES = 128 * KIB

const opening = z.object({
  name: variableName,
  salt: z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.byteLength === SALT_BYTES,
    `expected ${SALT_BYTES} bytes`,
  ),
  value: z.string().max(MAX_VALUES_BYTES, `expected at most ${MAX_VALUES_BYTES} bytes`),
})

export const openingsMessage = z
  .array(opening)
  .max(MAX_VARIABLES)
  .refine(
    (openings) =>
      openings.reduce((sum, { name, value }) => sum + name.length + Buffer.byteLength(value), 0) <=
      MAX_VALUES_BYTES,
    `expected at most ${MAX_VALUES_BYTES} bytes of names and values`,
  )
