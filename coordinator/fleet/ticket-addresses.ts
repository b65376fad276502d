/** The addresses that a ticket names: other hosts reach this node there. */
import { isLoopback } from '../../node/libp2p/address.ts'
import { MAX_TICKET_ADDRESSES } from '../../protocols/enroll/ticket.ts'

/**
 * Loopback addresses only if there are no others. On another host they lead to that host, where an
 * agent may listen on the same port.
 */
export function ticketAddresses(addresses: readonly string[]): readonly string[] {
  const elsewhere = addresses.filter((address) => !isLoopback(address))
  return (elsewhere.length > 0 ? elsewhere : addresses).slice(0, MAX_TICKET_ADDRESSES)
}
