/** `/muster/hello/1`: two nodes exchange their certificates. Page: README.md. */
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import { greetRequest, greetResponse } from './messages.ts'

export const hello = defineProtocol({
  name: 'hello',
  version: 1,
  limits,
  methods: {
    greet: method({
      capability: {
        kind: 'stranger',
        why: 'a caller is a stranger until its certificate is checked; the answer is public',
      },
      request: greetRequest,
      response: greetResponse,
    }),
  },
})
