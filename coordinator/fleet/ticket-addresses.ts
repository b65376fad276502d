/** Selects the addresses for a ticket. Other hosts reach this node at these addresses. */
import { isLoopback } from '../../node/libp2p/address.ts'
import { MAX_TICKET_ADDRESSES } from '../../protocols/enroll/ticket.ts'

/**
 * Includes loopback addresses only if there are no others. On another host, a loopback address
 * leads to that host itself, where an agent may listen on the same port.
 */
export function ticketAddresses(addresses: readonly string[]): readonly string[] {
  const elsewhere = addresses.filter((address) => !isLoopback(address))
  return (elsewhere.length > 0 ? elsewhere : addresses).slice(0, MAX_TICKET_ADDRESSES)
}
