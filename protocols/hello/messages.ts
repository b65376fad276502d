/** The messages of `/muster/hello/1`. */
import { z } from 'zod'
import { signedMessage } from '../statement.ts'

/**
 * A failure of the sender's disk (shared/storage/storage-error.ts) as data. The receiver formats
 * the text.
 */
export const troubleMessage = z.object({
  code: z.string().max(64),
  what: z.string().max(128),
  path: z.string().max(512),
  reason: z.string().max(128),
})
export type Trouble = z.infer<typeof troubleMessage>

/** The message of each side. Both directions have the same fields. */
const introduction = {
  /**
   * The sender's node certificate. Absent for operators and hosts that wait for approval, because
   * they have none.
   */
  certificate: signedMessage.optional(),
  /** The capability number (protocols/capability.ts). An absent number counts as 0. */
  capability: z.int().min(0).max(65_535).default(0),
  /** The sender's clock, milliseconds since the Unix epoch. */
  at: z.int().nonnegative(),
  /** The program's version, for people. */
  version: z.string().max(64),
  /** A fault of the sender's machine. Absent if there is none, or if the program is older. */
  trouble: troubleMessage.optional(),
}
export const greetRequest = z.object(introduction)
export const greetResponse = z.object({
  ...introduction,
  /**
   * The error code for the rejection of the caller's certificate. Absent if the certificate was
   * accepted or not sent.
   */
  refused: z.string().max(64).optional(),
})
export type Greeting = z.infer<typeof greetRequest>
export type GreetingAnswer = z.infer<typeof greetResponse>
