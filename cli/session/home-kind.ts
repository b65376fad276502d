/** Determines whether a home belongs to a coordinator or an agent. */
import { access } from 'node:fs/promises'
import { defineErrors } from '../../shared/errors.ts'
import { agentPaths, coordinatorPaths } from '../../shared/home.ts'

export const homeKindError = defineErrors({
  'home.none': {
    exit: 'usage',
    message: (d: { folder: string }) => `${d.folder} is not a home of a coordinator or an agent`,
    hint: () =>
      'create a home with `muster init` or `muster agent join`, or name another one with --home',
  },
  'home.agent': {
    exit: 'usage',
    message: (d: { folder: string }) =>
      `no coordinator is named: ${d.folder} is the home of an agent`,
    hint: () =>
      'run it on the coordinator, or pass --coordinator TICKET ' +
      '(run `muster ticket` on the coordinator to get the ticket)',
  },
  'home.no-coordinator': {
    exit: 'usage',
    message: (d: { folder: string }) =>
      `no coordinator is named, and ${d.folder} is not a home of a coordinator`,
    hint: () =>
      'name the coordinator with --coordinator TICKET or `muster context add NAME TICKET`, ' +
      'or its home with --home DIR',
  },
})

export type HomeKind = 'coordinator' | 'agent'

/** Undefined if the folder is missing or is not a home. */
export async function kindOfHome(home: string): Promise<HomeKind | undefined> {
  const exists = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    )
  if (await exists(coordinatorPaths(home).identity)) return 'coordinator'
  if (await exists(agentPaths(home).identity)) return 'agent'
  return undefined
}

/** @throws home.none */
export async function homeKind(home: string): Promise<HomeKind> {
  const kind = await kindOfHome(home)
  if (kind === undefined) throw homeKindError('home.none', { folder: home })
  return kind
}
