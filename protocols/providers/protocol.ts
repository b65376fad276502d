/** `/muster/providers/1`: finds the members that have a blob. Page: README.md. */
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import { announceRequest, announceResponse, findRequest, findResponse } from './messages.ts'

const members = { kind: 'member', roles: ['coordinator', 'agent', 'observer'] } as const

export const providers = defineProtocol({
  name: 'providers',
  version: 1,
  limits,
  methods: {
    announce: method({ capability: members, request: announceRequest, response: announceResponse }),
    find: method({ capability: members, request: findRequest, response: findResponse }),
  },
})
