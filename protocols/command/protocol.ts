/**
 * `/muster/command/1`: intents with their proofs, from a coordinator to an agent. Page: README.md.
 */
import { z } from 'zod'
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import {
  learnRequest,
  learnResponse,
  performRequest,
  performResponse,
  positionResponse,
  probeRequest,
  probeResponse,
  statusRequest,
  statusResponse,
} from './messages.ts'

const coordinator = { kind: 'member', roles: ['coordinator'] } as const

export const command = defineProtocol({
  name: 'command',
  version: 1,
  limits,
  methods: {
    position: method({
      capability: coordinator,
      request: z.object({}),
      response: positionResponse,
    }),
    learn: method({ capability: coordinator, request: learnRequest, response: learnResponse }),
    perform: method({
      capability: { kind: 'intent' },
      request: performRequest,
      response: performResponse,
      // The longest grace period of a stop, plus a minute for the kernel.
      limits: { callMs: 660_000 },
    }),
    status: method({ capability: coordinator, request: statusRequest, response: statusResponse }),
    probe: method({ capability: coordinator, request: probeRequest, response: probeResponse }),
  },
})
