/** `/muster/enroll/1`: how a host becomes a member. Page: README.md. */
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import { joinRequest, joinResponse, renewRequest, renewResponse } from './messages.ts'

export const enroll = defineProtocol({
  name: 'enroll',
  version: 1,
  limits,
  methods: {
    join: method({
      capability: {
        kind: 'stranger',
        why: 'a candidate has no certificate yet; a token or an operator decides',
      },
      request: joinRequest,
      response: joinResponse,
    }),
    renew: method({
      capability: { kind: 'member', roles: ['agent'] },
      request: renewRequest,
      response: renewResponse,
    }),
  },
})
