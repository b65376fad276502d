/** Whether a home is a coordinator's or an agent's. */
import { access } from 'node:fs/promises'
import { defineErrors } from '../../shared/errors.ts'
import { agentPaths, coordinatorPaths } from '../../shared/home.ts'

export const homeKindError = defineErrors({
  'home.none': {
    exit: 'usage',
    message: (d: { folder: string }) => `${d.folder} is no home of a coordinator or an agent`,
    hint: () => 'muster init or muster agent join makes one; --home or MUSTER_HOME names another',
  },
  'home.agent': {
    exit: 'usage',
    message: (d: { folder: string }) =>
      `no coordinator is named: ${d.folder} is the home of an agent`,
    hint: () =>
      'run it on the coordinator, or name the coordinator: --coordinator TICKET (muster ticket on the coordinator prints it)',
  },
  'home.no-coordinator': {
    exit: 'usage',
    message: (d: { folder: string }) =>
      `no coordinator is named, and there is no home of a coordinator at ${d.folder}`,
    hint: () =>
      'name the coordinator: --coordinator TICKET or muster context add NAME TICKET; or its home: --home DIR',
  },
})

export type HomeKind = 'coordinator' | 'agent'

/** Undefined where the folder is missing or holds no node. */
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
