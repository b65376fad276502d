/** `/muster/control/1`: an operator's command line and a coordinator. Page: README.md. */
import { defineProtocol, method } from '../rpc/define-protocol.ts'
import type { Namespace } from '../capability.ts'
import { limits } from './limits.ts'
import * as m from './messages.ts'

const stranger = { kind: 'stranger', why: 'it only proves who the operator is' } as const
const observe = <const N extends Namespace>(namespace: N) =>
  ({ kind: 'operator', namespace, level: 'observe', scope: 'fleet' }) as const
/** The handler first returns the hosts or repositories of a request. Each one is authorised. */
const observeEach = <const N extends Namespace>(namespace: N) =>
  ({ kind: 'operator', namespace, level: 'observe', scope: 'targets' }) as const
/** A day is longer than any sync or stream that a person watches. */
const WATCHED_MS = 86_400_000

export const control = defineProtocol({
  name: 'control',
  version: 1,
  limits,
  methods: {
    'session.begin': method({
      capability: stranger,
      request: m.empty,
      response: m.sessionChallenge,
    }),
    'session.open': method({ capability: stranger, request: m.sessionOpen, response: m.empty }),

    status: method({ capability: observe('fleet'), request: m.empty, response: m.statusResponse }),
    ticket: method({ capability: observe('fleet'), request: m.empty, response: m.ticketResponse }),
    'agent.list': method({ capability: observe('fleet'), request: m.empty, response: m.agentList }),
    'target.resolve': method({
      capability: observeEach('run'),
      request: m.resolveRequest,
      response: m.resolveResponse,
    }),

    'repo.list': method({
      capability: observe('repo'),
      request: m.empty,
      response: m.repositoryList,
    }),
    'repo.show': method({
      capability: observeEach('repo'),
      request: m.repositoryRequest,
      response: m.repositoryRow,
    }),
    'repo.check': method({
      capability: observe('repo'),
      request: m.repositoryRequest.partial(),
      response: m.checkResponse,
    }),
    'repo.plan': method({
      capability: observeEach('repo'),
      request: m.repositoryRequest,
      response: m.syncPlan,
    }),
    'snapshot.list': method({
      capability: observe('snapshot'),
      request: m.snapshotListRequest,
      response: m.snapshotList,
    }),
    'snapshot.diff': method({
      capability: observeEach('snapshot'),
      request: m.diffRequest,
      response: m.diffResponse,
    }),

    'run.status': method({
      capability: observeEach('run'),
      request: m.runRequest,
      response: m.runRow,
    }),
    'run.list': method({
      capability: observeEach('run'),
      request: m.runListRequest,
      response: m.runList,
    }),
    'run.output': method({
      capability: observeEach('run'),
      request: m.runOutputRequest,
      response: m.runRow,
      download: true,
      limits: { callMs: Number.POSITIVE_INFINITY },
    }),

    'facts.show': method({
      capability: observeEach('facts'),
      request: m.hostRequest,
      response: m.factsResponse,
    }),
    'facts.history': method({
      capability: observeEach('facts'),
      request: m.historyRequest,
      response: m.historyResponse,
    }),
    'package.find': method({
      capability: observe('facts'),
      request: m.findRequest,
      response: m.findResponse,
    }),

    'audit.log': method({
      capability: observe('audit'),
      request: m.logRequest,
      response: m.logResponse,
    }),
    'audit.verify': method({
      capability: observe('audit'),
      request: m.empty,
      response: m.verifyResponse,
      limits: { callMs: WATCHED_MS },
    }),
    'audit.prove': method({
      capability: observe('audit'),
      request: m.proveRequest,
      response: m.proveResponse,
    }),
    'audit.export': method({
      capability: observe('audit'),
      request: m.empty,
      response: m.empty,
      progress: m.exportFile,
      download: true,
      limits: { callMs: WATCHED_MS },
    }),
    'grant.list': method({
      capability: observe('policy'),
      request: m.empty,
      response: m.grantList,
    }),

    'blob.get': method({
      capability: observe('artifact'),
      request: m.blobGetRequest,
      response: m.blobInfo,
      download: true,
      limits: { callMs: WATCHED_MS },
    }),
    'blob.providers': method({
      capability: observe('artifact'),
      request: m.blobRequest,
      response: m.providerList,
    }),

    operate: method({
      capability: { kind: 'intent' },
      request: m.operateRequest,
      response: m.operateResponse,
      progress: m.operateProgress,
      upload: true,
      limits: { callMs: WATCHED_MS },
    }),
  },
})
