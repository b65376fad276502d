/**
 * Values that travel beside a signed intent, each with the salt that opens its commitment
 * (shared/trust/commitment.ts): from the command line to a coordinator, and from there to the hosts
 * that the intent names. Whoever receives them keeps them in memory, for as long as it acts.
 */
import { z } from 'zod'
import { SALT_BYTES } from '../../shared/trust/commitment.ts'
import { KIB } from '../../shared/units.ts'

/**
 * What an environment variable may be called here: what every shell can name. Nothing else is ever
 * meant.
 */
export const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected letters, digits and underscores, no digit first')
  .max(256, 'expected at most 256 characters')
  .refine((name) => name !== '__proto__', 'expected another name than __proto__')

/**
 * More than any program reads; with names of usual length their commitments leave room for the rest
 * of an intent.
 */
export const MAX_VARIABLES = 256
/**
 * Of all names and values together. The kernel takes 128 KiB for one variable; certificates and
 * keys have a few.
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
