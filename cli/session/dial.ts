/**
 * Connects to a coordinator over libp2p, by ticket. Each command creates a new node, because an
 * operator's SSH key is never a libp2p identity.
 */
import { createNode } from '../../node/node.ts'
import { control } from '../../protocols/control/protocol.ts'
import { parseTicket } from '../../protocols/enroll/ticket.ts'
import { MusterError } from '../../shared/errors.ts'
import type { FleetId } from '../../shared/ids.ts'
import { silentLogger } from '../../shared/logger.ts'
import { generateKey } from '../../shared/identity/signer.ts'
import { trustError } from '../../shared/trust/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { CommandContext } from '../program/handler.ts'
import type { Reach } from './session.ts'

/** This node has no certificate and accepts none, because the session authenticates both sides. */
const NO_CREDENTIALS = {
  own: () => undefined,
  check: () => {
    throw trustError('trust.issuer', {
      what: 'the node certificate',
      key: 'a key that the command line does not know',
    })
  },
}

/**
 * Tries the ticket's addresses in order. @throws ticket.malformed, node.unreachable,
 * node.wrong-peer
 */
export function dialCoordinator(
  context: CommandContext<unknown, unknown>,
  text: string,
): Promise<Reach> {
  return dialAddresses(context, parseTicket(text))
}

/** Tries the addresses in order. @throws node.unreachable, node.wrong-peer */
export async function dialAddresses(
  context: CommandContext<unknown, unknown>,
  ticket: { readonly fleet: FleetId; readonly addresses: readonly string[] },
): Promise<Reach> {
  const node = await createNode(
    {
      clock: context.clock,
      random: context.random,
      log: context.globals.verbose ? await context.log() : silentLogger,
    },
    {
      key: generateKey(context),
      listen: [],
      fleet: ticket.fleet,
      version: VERSION,
      credentials: NO_CREDENTIALS,
    },
  )
  const dial = (signal: AbortSignal): Promise<string> => dialFirst(node, ticket.addresses, signal)
  try {
    const peerId = await dial(context.signal)
    return {
      expected: { fleet: ticket.fleet, peerId },
      async open(signal = context.signal) {
        // A restart of the coordinator ends the connection.
        if (node.peer(peerId) === undefined) await dial(signal)
        return node.open(peerId, control.id, signal)
      },
      close: () => node.close(),
    }
  } catch (error) {
    await node.close()
    throw error
  }
}

/** Returns the id of the first node that responds. @throws the error of the last address */
async function dialFirst(
  node: Pick<Awaited<ReturnType<typeof createNode>>, 'dial'>,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  let failure: unknown = new Error('the ticket has no address')
  for (const address of addresses) {
    try {
      return (await node.dial(address, signal)).id
    } catch (error) {
      if (!(error instanceof MusterError) || signal.aborted) throw error
      failure = error
    }
  }
  throw failure
}
