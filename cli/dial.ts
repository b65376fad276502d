/** A coordinator over libp2p, by ticket. The node that dials is new for every command: an operator's SSH key is never a libp2p identity. */
import { control } from '../protocols/control/protocol.ts'
import { parseTicket } from '../protocols/enroll/ticket.ts'
import { createNode } from '../node/node.ts'
import { nodeError } from '../node/errors.ts'
import { generateKey } from '../shared/identity/signer.ts'
import type { CommandContext } from './context.ts'
import type { Reach } from './session.ts'
