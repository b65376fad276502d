/** `/muster/output/1`: a run's output by offset. Page: README.md. */
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import { outputRequest, outputResponse } from './messages.ts'

export const output = defineProtocol({
  name: 'output',
  version: 1,
  limits,
  methods: {
    read: method({
      capability: { kind: 'member', roles: ['coordinator'] },
      request: outputRequest,
      response: outputResponse,
      download: true,
    }),
  },
})
