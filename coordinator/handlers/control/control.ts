/**
 * Serves `/muster/control/1` on the coordinator: sessions, `operate`, and the methods in the other
 * files of this folder. Only `operate` changes something.
 */
import type { control } from '../../../protocols/control/protocol.ts'
import type { Handlers } from '../../../protocols/rpc/define-protocol.ts'
import { rfc3339 } from '../../../shared/clock.ts'
import { publishedPath } from '../../../shared/repository-paths.ts'
import { VERSION } from '../../../shared/version.ts'
import type { Operations } from '../../operations/perform.ts'
import { sessionError, type Sessions } from '../../sessions/sessions.ts'
import { type AuditDeps, auditHandlers } from './audit.ts'
import { type ContentDeps, contentHandlers } from './content.ts'
import { factsHandlers } from './facts.ts'
import { type FleetDeps, fleetHandlers, type FleetOptions } from './fleet.ts'
import { grantHandlers } from './grants.ts'
import { type RepositoryDeps, repositoryHandlers } from './repositories.ts'
import { type RunDeps, runHandlers } from './runs.ts'

export interface ControlDeps
  extends FleetDeps,
    RunDeps,
    AuditDeps,
    ContentDeps,
    Omit<RepositoryDeps, 'url'> {
  readonly sessions: Sessions
  readonly operations: Operations
  readonly store: Parameters<typeof factsHandlers>[0]['store']
}

export function controlHandlers(
  deps: ControlDeps,
  options: FleetOptions,
): Handlers<typeof control> {
  const url = (repository: string): string | undefined => {
    const base = deps.http()
    return base === undefined ? undefined : `${base}${publishedPath(repository)}`
  }
  return {
    'session.begin': async (_request, { peer }) => ({
      nonce: deps.sessions.begin(peer),
      fleet: options.fleet,
      coordinator: options.peerId,
      name: options.name,
      version: VERSION,
      at: rfc3339(deps.clock.now()),
    }),
    'session.open': async ({ delegation, proof }, { peer }) => {
      await deps.sessions.open(peer, delegation, proof)
      return {}
    },
    ...fleetHandlers(deps, options),
    ...repositoryHandlers({ ...deps, url }),
    ...runHandlers(deps),
    ...factsHandlers(deps),
    ...auditHandlers(deps),
    ...grantHandlers(deps),
    ...contentHandlers(deps),
    operate: ({ intent, values = [] }, { caller, signal, progress, upload }) => {
      // The policy admits only callers with a session. The session's operator must be the intent's
      // actor.
      if (caller.kind !== 'operator') throw sessionError('session.not-begun')
      return deps.operations.perform(intent, {
        caller: caller.operator,
        signal,
        progress,
        upload,
        values,
      })
    },
  }
}
