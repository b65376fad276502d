/** `/muster/blobs/1`: verified ranges of blobs. Page: README.md. */
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import { fetchRequest, fetchResponse, haveRequest, haveResponse } from './messages.ts'

const members = { kind: 'member', roles: ['coordinator', 'agent', 'observer'] } as const

export const blobs = defineProtocol({
  name: 'blobs',
  version: 1,
  limits,
  methods: {
    fetch: method({
      capability: members,
      request: fetchRequest,
      response: fetchResponse,
      download: true,
    }),
    have: method({
      capability: members,
      request: haveRequest,
      response: haveResponse,
      limits: { callMs: 30_000 },
    }),
  },
})
