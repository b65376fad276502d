/**
 * Combines the handlers of the verbs on repositories: sync and publish. Both act outside of the
 * database.
 */
import { publishVerb, type PublishVerbDeps } from './publish.ts'
import { createServing, type ServingDeps } from './serving.ts'
import { syncVerb, type SyncVerbDeps } from './sync.ts'

export type RepositoryVerbsDeps = Omit<SyncVerbDeps & PublishVerbDeps, 'serving'> & ServingDeps

export function repositoryVerbs(deps: RepositoryVerbsDeps) {
  const all = { ...deps, serving: createServing(deps) }
  return { 'repo.sync': syncVerb(all), 'repo.publish': publishVerb(all) }
}
