/** `/muster/facts/1`: fact statements that gossip missed. Page: README.md. */
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import {
  pullRequest,
  pullResponse,
  pushRequest,
  pushResponse,
  reportRequest,
  reportResponse,
} from './messages.ts'

export const facts = defineProtocol({
  name: 'facts',
  version: 1,
  limits,
  methods: {
    pull: method({
      capability: { kind: 'member', roles: ['coordinator'] },
      request: pullRequest,
      response: pullResponse,
      download: true,
    }),
    push: method({
      capability: { kind: 'member', roles: ['agent'] },
      request: pushRequest,
      response: pushResponse,
      upload: true,
    }),
    report: method({
      capability: { kind: 'member', roles: ['agent'] },
      request: reportRequest,
      response: reportResponse,
    }),
  },
})
