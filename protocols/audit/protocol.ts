/** `/muster/audit/1`: the log, for members that verify it. Page: README.md. */
import { z } from 'zod'
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import {
  checkpointResponse,
  consistencyRequest,
  consistencyResponse,
  entriesRequest,
  entriesResponse,
  inclusionRequest,
  inclusionResponse,
} from './messages.ts'

const anyMember = { kind: 'member', roles: ['agent', 'coordinator', 'observer'] } as const

export const audit = defineProtocol({
  name: 'audit',
  version: 1,
  limits,
  methods: {
    checkpoint: method({
      capability: anyMember,
      request: z.object({}),
      response: checkpointResponse,
    }),
    consistency: method({
      capability: anyMember,
      request: consistencyRequest,
      response: consistencyResponse,
    }),
    inclusion: method({
      capability: { kind: 'member', roles: ['observer', 'coordinator'] },
      request: inclusionRequest,
      response: inclusionResponse,
    }),
    entries: method({
      capability: { kind: 'member', roles: ['observer', 'coordinator'] },
      request: entriesRequest,
      response: entriesResponse,
    }),
  },
})
