/** Creates the `.repo` file with which this host's dnf and zypper use the agent's gateway. */
import { readAgentIdentity } from '../../agent/home/identity.ts'
import { openClient } from '../../protocols/rpc/call.ts'
import { localProtocol } from '../../protocols/local/protocol.ts'
import { dialSocket } from '../../protocols/rpc/socket.ts'
import { defineErrors } from '../../shared/errors.ts'
import { clientFileText } from '../../shared/repositories/client-file.ts'
import { agentPaths } from '../../shared/home.ts'
import { publishedPath } from '../../shared/repository-paths.ts'
import type { CommandContext } from '../program/handler.ts'
import '../program/error-tables.ts'

export const repoFileError = defineErrors({
  'repo-file.unknown': {
    exit: 'notFound',
    message: (d: { id: string }) => `no repository ${d.id} is published`,
    hint: () => 'run `muster repo list` on the coordinator',
  },
  'repo-file.unsupported': {
    exit: 'usage',
    message: (d: { id: string; type: string }) =>
      `can't write a client file for ${d.id}: this version does not know the type ${d.type}`,
    hint: () => 'update this host, or select another repository with --repo-id',
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
      .map(({ id, type = 'rpm', gpgkey }) => {
        const url = `${gateway}${publishedPath(id)}`
        const text = clientFileText({ id, type, url, key: gpgkey })
        if (text === undefined) throw repoFileError('repo-file.unsupported', { id, type })
        return text
      })
      .join('\n')
  } finally {
    await client.close().catch(() => undefined)
  }
}
