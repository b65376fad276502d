/** `/muster/catalog/1`: the blob at a path of a published tree. Page: README.md. */
import { z } from 'zod'
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import { repositoriesResponse, treeRequest, treeResponse } from './messages.ts'

const agent = { kind: 'member', roles: ['agent'] } as const

export const catalog = defineProtocol({
  name: 'catalog',
  version: 1,
  limits,
  methods: {
    tree: method({ capability: agent, request: treeRequest, response: treeResponse }),
    repositories: method({
      capability: agent,
      request: z.object({}),
      response: repositoriesResponse,
    }),
  },
})
