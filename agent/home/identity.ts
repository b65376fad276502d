/**
 * An agent's `agent.json`. It contains the agent's id and name, its fleet, the root that the agent
 * pinned when it joined, and the addresses of its coordinators.
 */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { writeDurable } from '../../shared/durable-file.ts'
import { defineErrors } from '../../shared/errors.ts'
import { agentPaths } from '../../shared/home.ts'
import {
  type AgentId,
  agentId,
  type FleetId,
  fleetId,
  type Sha256,
  sha256Hex,
} from '../../shared/ids.ts'
import type { Random } from '../../shared/random.ts'
import { storageError, storageFailure, storing } from '../../shared/storage/storage-error.ts'

export const agentHomeError = defineErrors({
  'agent.no-home': {
    exit: 'usage',
    message: (d: { folder: string }) => `${d.folder} is not an agent's home`,
    hint: (d: { folder: string }) => `run \`muster agent join TOKEN --home ${d.folder}\``,
  },
  'agent.home-exists': {
    exit: 'conflict',
    message: (d: { folder: string; what: string }) => `${d.folder} is ${d.what}`,
    hint: () => 'pass an empty folder as --home',
  },
  'agent.home-damaged': {
    exit: 'failed',
    message: (d: { file: string }) => `${d.file} is damaged`,
    hint: () => 'restore the file from a backup, or join again with an empty --home',
  },
  'agent.home-in-use': {
    exit: 'conflict',
    retryable: true,
    message: (d: { folder: string }) => `another process uses the home ${d.folder}`,
    hint: () => 'stop the agent that runs there, then repeat the command',
  },
  'agent.older': {
    exit: 'conflict',
    message: (d: { folder: string }) =>
      `the agent that runs in ${d.folder} is older than this program`,
    hint: () => 'restart the agent, then repeat the command',
  },
  'agent.home-foreign': {
    exit: 'denied',
    message: (d: { folder: string; owner: number }) =>
      `${d.folder} belongs to user ${d.owner}, and only this user can run its agent`,
    hint: (d: { owner: number }) =>
      `run the command as that user: \`sudo -u '#${d.owner}' muster …\``,
  },
  'agent.home-unwritable': {
    exit: 'failed',
    message: (d: { folder: string; reason: string }) =>
      `cannot make the home ${d.folder}: ${d.reason}`,
    hint: () => 'free space or change the permissions there, then join again',
  },
})

const schema = z.strictObject({
  id: z.custom<AgentId>((value) => agentId.is(value)),
  name: z.string(),
  fleet: z.custom<FleetId>((value) => fleetId.is(value)),
  root: z.custom<Sha256>((value) => sha256Hex.is(value)),
  coordinators: z.array(z.string()).min(1).max(16),
})
export type AgentIdentity = z.infer<typeof schema>

/** The name of the file in errors about the disk. */
const WHAT = "this agent's identity"

/** @throws agent.no-home, agent.home-damaged, storage.* */
export async function readAgentIdentity(home: string): Promise<AgentIdentity> {
  const { identity: file } = agentPaths(home)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    const failure = storageFailure(cause, { what: WHAT, path: file, action: 'read' })
    if (storageError.is(failure)) throw failure
    throw agentHomeError('agent.no-home', { folder: home }, { cause })
  }
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw agentHomeError('agent.home-damaged', { file }, { cause })
  }
}

export function writeAgentIdentity(
  deps: { random: Random },
  home: string,
  identity: AgentIdentity,
): Promise<void> {
  const { identity: file } = agentPaths(home)
  return storing({ what: WHAT, path: file }, () =>
    writeDurable(deps, file, `${JSON.stringify(identity, undefined, 2)}\n`),
  )
}
