/**
 * Tickets and tokens. A ticket has the addresses of a fleet's coordinators and pins the fleet's
 * root. It contains no secret. A token is a ticket with a single-use secret. Both are one word that
 * is safe in any shell (ID-10): `muster-ticket1-` or `muster-token1-`, and then base32. Earlier
 * builds wrote `muster1-` for both, and Muster still accepts it.
 */
import { defined } from '../../shared/defined.ts'
import { decode, encode } from 'cborg'
import { z } from 'zod'
import { decodeBase32, encodeBase32 } from '../../shared/base32.ts'
import { defineErrors } from '../../shared/errors.ts'
import { type FleetId, fleetId } from '../../shared/ids.ts'

export interface Ticket {
  readonly fleet: FleetId
  /**
   * SHA-256 of the first root statement's bytes. A host that joins rejects a fleet with another
   * root (ID-13).
   */
  readonly root: Uint8Array
  /** Multiaddrs that end in `/p2p/<peer id>`. The peer id is checked before anything is sent. */
  readonly addresses: readonly string[]
  /** 32 random bytes; only in a token. */
  readonly secret?: Uint8Array
}

export const ticketError = defineErrors({
  'ticket.malformed': {
    exit: 'usage',
    message: (d: { reason: string }) => `the ticket is not valid: ${d.reason}`,
    hint: () => 'copy the whole line that `muster ticket` or `muster enroll token` printed',
  },
})

const TICKET_PREFIX = 'muster-ticket1-'
const TOKEN_PREFIX = 'muster-token1-'
/** The beginning of tickets and tokens of earlier builds. */
const OLD_PREFIX = 'muster1-'
/**
 * The maximum number of addresses, which is more than the interfaces of a coordinator. Each address
 * without a response costs the caller a timeout.
 */
export const MAX_TICKET_ADDRESSES = 16
/** Twice the space for that many addresses of 256 bytes. */
const MAX_TICKET_CHARACTERS = 16_384

const bytes32 = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.byteLength === 32,
)
const shape = z.strictObject({
  f: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.byteLength === 16),
  r: bytes32,
  a: z
    .array(z.string().regex(/^\/[!-~]{1,255}\/p2p\/[1-9A-HJ-NP-Za-km-z]{40,64}$/))
    .min(1)
    .max(MAX_TICKET_ADDRESSES),
  s: bytes32.optional(),
})

export function formatTicket(ticket: Ticket): string {
  const body = {
    f: Buffer.from(ticket.fleet, 'hex'),
    r: ticket.root,
    a: [...ticket.addresses],
    ...defined({ s: ticket.secret }),
  }
  const prefix = ticket.secret === undefined ? TICKET_PREFIX : TOKEN_PREFIX
  return prefix + encodeBase32(encode(body))
}

/** @throws ticket.malformed for any text that {@link formatTicket} did not write. */
export function parseTicket(text: string): Ticket {
  const trimmed = text.trim()
  const prefix = [TICKET_PREFIX, TOKEN_PREFIX, OLD_PREFIX].find((one) => trimmed.startsWith(one))
  if (prefix === undefined) {
    const reason = `it begins with neither ${TICKET_PREFIX} nor ${TOKEN_PREFIX}`
    throw ticketError('ticket.malformed', { reason })
  }
  if (trimmed.length > MAX_TICKET_CHARACTERS)
    throw ticketError('ticket.malformed', {
      reason: `it is longer than ${MAX_TICKET_CHARACTERS} characters`,
    })
  const bytes = decodeBase32(trimmed.slice(prefix.length))
  if (bytes === undefined)
    throw ticketError('ticket.malformed', {
      reason: 'it has characters that no ticket has, or is cut short',
    })
  let decoded: unknown
  try {
    decoded = decode(bytes, { strict: true, rejectDuplicateMapKeys: true, allowIndefinite: false })
  } catch (cause) {
    throw ticketError('ticket.malformed', { reason: 'it is cut short or altered' }, { cause })
  }
  const result = shape.safeParse(decoded)
  if (!result.success)
    throw ticketError('ticket.malformed', { reason: 'it has another version, or was altered' })
  const { f, r, a, s } = result.data
  // Otherwise a token that looks like a ticket could be shown with its secret.
  if (prefix !== OLD_PREFIX && (prefix === TOKEN_PREFIX) !== (s !== undefined))
    throw ticketError('ticket.malformed', { reason: 'it is cut short or altered' })
  return {
    fleet: fleetId.parse(Buffer.from(f).toString('hex')),
    root: r,
    addresses: a,
    ...defined({ secret: s }),
  }
}
