/** The `.repo` file with which this host's dnf and zypper use the agent's gateway. */
import { readAgentIdentity } from '../../agent/home/identity.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { dialSocket } from '../../protocols/rpc/socket.ts'
import { defineErrors } from '../../shared/errors.ts'
import { agentPaths } from '../../shared/home.ts'
import { publishedPath } from '../../shared/repository-paths.ts'
import type { CommandContext } from '../program/handler.ts'
import '../program/error-tables.ts'

export const repoFileError = defineErrors({
  'repo-file.unknown': {
    exit: 'notFound',
    message: (d: { id: string }) => `no repository ${d.id} is published`,
    hint: () => 'muster repo list on the coordinator',
  },
})

export async function writeRepoFile(
  context: CommandContext<unknown, unknown>,
  only: string | undefined,
): Promise<string> {
  await readAgentIdentity(context.home())
  const client = openClient(
    localProtocol,
    await dialSocket(agentPaths(context.home()).socket, localProtocol.id, context.signal),
    context,
  )
  try {
    const { gateway } = await client.call('info', {})
    const { repositories } = await client.call('repositories', {})
    const chosen = repositories.filter((repository) => only === undefined || repository.id === only)
    if (only !== undefined && chosen.length === 0)
      throw repoFileError('repo-file.unknown', { id: only })
    if (chosen.length === 0)
      await context.note('no repository is published yet: muster repo sync on the coordinator')
    return chosen
      .map((repository) => section(`${gateway}${publishedPath(repository.id)}`, repository))
      .join('\n')
  } finally {
    await client.close().catch(() => undefined)
  }
}

/**
 * Signatures are checked where the repository brings its key; that a key is there does not make it
 * trusted: dnf asks before it imports one.
 */
function section(url: string, repository: { id: string; gpgkey: string | null }): string {
  const key =
    repository.gpgkey === null
      ? ['gpgcheck=0']
      : ['gpgcheck=1', `gpgkey=${url}${encodeURIComponent(repository.gpgkey)}`]
  return [
    `[muster-${repository.id}]`,
    `name=${repository.id} (Muster)`,
    `baseurl=${url}`,
    'enabled=1',
    ...key,
    '',
  ].join('\n')
}
