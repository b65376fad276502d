/** `/muster/local/1`: the node's content, over its own socket only. Page: README.md. */
import { z } from 'zod'
import { MIB } from '../../shared/units.ts'
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import { limits } from './limits.ts'
import {
  addResponse,
  checkProgress,
  checkRequest,
  checkResponse,
  factsRequest,
  factsResponse,
  getProgress,
  getRequest,
  getResponse,
  infoResponse,
  providersRequest,
  providersResponse,
  repositoriesResponse,
} from './messages.ts'

const local = { kind: 'local' } as const

export const localProtocol = defineProtocol({
  name: 'local',
  version: 1,
  limits,
  methods: {
    info: method({ capability: local, request: z.object({}), response: infoResponse }),
    repositories: method({
      capability: local,
      request: z.object({}),
      response: repositoriesResponse,
    }),
    'facts.report': method({
      capability: local,
      request: factsRequest,
      response: factsResponse,
    }),
    'blob.add': method({
      capability: local,
      request: z.object({}),
      response: addResponse,
      upload: true,
    }),
    'blob.get': method({
      capability: local,
      request: getRequest,
      response: getResponse,
      progress: getProgress,
      download: true,
    }),
    'pool.check': method({
      capability: local,
      request: checkRequest,
      response: checkResponse,
      progress: checkProgress,
      // 200 named blobs and 400 names of trees, with texts of up to 300 characters.
      limits: { maxResponseBytes: 2 * MIB },
    }),
    'blob.providers': method({
      capability: local,
      request: providersRequest,
      response: providersResponse,
    }),
  },
})
