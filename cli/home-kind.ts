/** Whether a home is a coordinator's or an agent's. */
import { access } from 'node:fs/promises'
import { defineErrors } from '../shared/errors.ts'
import { agentPaths, coordinatorPaths } from '../shared/home.ts'

export const homeKindError = defineErrors({
  'home.none': {
    exit: 'usage',
    message: (d: { folder: string }) => `${d.folder} is no home of a coordinator or an agent`,
    hint: () => 'muster init or muster agent join makes one; --home or MUSTER_HOME names another',
  },
})

/** @throws home.none */
export async function homeKind(home: string): Promise<'coordinator' | 'agent'> {
  const exists = (path: string): Promise<boolean> =>
    access(path).then(
      () => true,
      () => false,
    )
  if (await exists(coordinatorPaths(home).identity)) return 'coordinator'
  if (await exists(agentPaths(home).identity)) return 'agent'
  throw homeKindError('home.none', { folder: home })
}
