/**
 * `muster agent join`: makes the agent's home and asks a coordinator of the ticket. Key and id are
 * written before anything is sent, so that a host whose connection breaks asks again as the same
 * host; a home that was made for a join that was refused is removed again.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createNode, type MusterNode } from '../../node/node.ts'
import { openTrustState } from '../../node/membership/trust-state.ts'
import type { Ticket } from '../../protocols/enroll/ticket.ts'
import type { Clock } from '../../shared/clock.ts'
import { diskReason } from '../../shared/disk-reason.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { MusterError } from '../../shared/errors.ts'
import { requireHostName } from '../../shared/host-name.ts'
import { agentPaths } from '../../shared/home.ts'
import { agentId, sha256Hex } from '../../shared/ids.ts'
import { loadKeyFile, saveKeyFile } from '../../shared/identity/key-file.ts'
import { generateKey, type NodeKey } from '../../shared/identity/signer.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { trustError } from '../../shared/trust/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { askToJoin, type Enrolled } from './ask-to-join.ts'
import { lockHome } from '../home/lock.ts'
import {
  type AgentIdentity,
  agentHomeError,
  readAgentIdentity,
  writeAgentIdentity,
} from '../home/identity.ts'

export interface JoinDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export interface JoinOptions {
  readonly home: string
  readonly ticket: Ticket
  readonly name: string
  /** An OpenSSH private key to be the node's, instead of a new one. */
  readonly hostKey?: string
  readonly claims: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface Joined {
  readonly identity: AgentIdentity
  readonly status: 'approved' | 'pending'
  readonly fingerprint: string
}

/**
 * Joining again with a ticket of the same fleet takes over the addresses in it. @throws
 * agent.home-*, node.*, registry.*, trust.*
 */
export async function joinFleet(deps: JoinDeps, options: JoinOptions): Promise<Joined> {
  const { home } = options
  const { identity, key, made } = await prepare(deps, options)
  await using stack = new AsyncDisposableStack()
  try {
    // An agent that runs there has the trust state open, and would go on with the old addresses.
    const lock = await lockHome(deps, {
      home,
      patienceMs: 0,
      signal: options.signal ?? new AbortController().signal,
    })
    stack.defer(() => lock.release())
    const enrolled = await ask(deps, options, identity, key)
    const trust = await openTrustState(deps, {
      folder: agentPaths(home).trust,
      fleet: identity.fleet,
      rootDigest: identity.root,
      roots: enrolled.roots,
    })
    await trust.learn({ roots: enrolled.roots })
    if (enrolled.certificate !== undefined) await trust.keepCertificate(enrolled.certificate)
    // A ticket that was good enough to get in says where the coordinators are now. Crash before
    // this: joining again does it.
    if (!made) await writeAgentIdentity(deps, home, identity)
    return { identity, status: enrolled.status, fingerprint: key.fingerprint }
  } catch (error) {
    // Refused: nothing of this home is of use. Unreachable, or a disk that failed: the host may
    // have been admitted, and must be able to ask again as itself.
    const isRefused = error instanceof MusterError && error.exit !== 'unreachable'
    if (made && isRefused && diskReason(error) === undefined)
      await rm(home, { recursive: true, force: true })
    throw unwritable(home, error)
  }
}

async function prepare(
  deps: JoinDeps,
  options: JoinOptions,
): Promise<{ identity: AgentIdentity; key: NodeKey; made: boolean }> {
  const { home, ticket } = options
  const paths = agentPaths(home)
  const root = sha256Hex.parse(Buffer.from(ticket.root).toString('hex'))
  const existing = await readdir(home).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[]
    throw unwritable(home, error)
  })
  if (existing.includes('agent.json')) {
    const identity = await readAgentIdentity(home)
    if (identity.fleet !== ticket.fleet || identity.root !== root)
      throw agentHomeError('agent.home-exists', {
        folder: home,
        what: 'the home of an agent of another fleet',
      })
    return {
      identity: { ...identity, coordinators: [...ticket.addresses] },
      key: await loadKeyFile(paths.nodeKey),
      made: false,
    }
  }
  if (existing.length > 0)
    throw agentHomeError('agent.home-exists', {
      folder: home,
      what: 'not empty, and no agent’s home',
    })
  // The coordinator refuses it too; here before a key is made.
  requireHostName(options.name)
  const key =
    options.hostKey === undefined
      ? generateKey(deps, { comment: `${options.name} node` })
      : await loadKeyFile(options.hostKey)
  const identity: AgentIdentity = {
    id: agentId.parse(uuid(deps)),
    name: options.name,
    fleet: ticket.fleet,
    root,
    coordinators: [...ticket.addresses],
  }
  // Of two joins into one folder, only one makes the first folder in it.
  let ours = false
  try {
    await mkdir(dirname(home), { recursive: true })
    await mkdir(home, { recursive: true, mode: 0o700 })
    for (const folder of [join(home, 'keys'), paths.confD, paths.pool]) {
      await mkdir(folder, { mode: 0o700 })
      ours = true
    }
    await saveKeyFile(deps, paths.nodeKey, key)
    await writeDurable(deps, paths.config, CONFIG, { mode: 0o644 })
    // Last: this file is what makes the folder an agent's home.
    await writeAgentIdentity(deps, home, identity)
  } catch (error) {
    // Nothing was sent yet: what there is of the home is of no use, and would keep the next join
    // from making one.
    if (ours) await rm(home, { recursive: true, force: true })
    throw unwritable(home, error)
  }
  return { identity, key, made: true }
}

/** Our error where the disk failed; others as they are. */
function unwritable(folder: string, error: unknown): unknown {
  const reason = diskReason(error)
  return reason === undefined
    ? error
    : agentHomeError('agent.home-unwritable', { folder, reason }, { cause: error })
}

/** Asks the first coordinator of the ticket that can be reached. */
async function ask(
  deps: JoinDeps,
  options: JoinOptions,
  identity: AgentIdentity,
  key: NodeKey,
): Promise<Enrolled> {
  const node = await candidateNode(deps, identity, key)
  try {
    let failure: unknown
    for (const address of identity.coordinators) {
      try {
        const peer = await node.dial(address, options.signal)
        return await askToJoin(
          {
            clock: deps.clock,
            open: (protocolId) => node.open(peer.id, protocolId, options.signal),
          },
          {
            identity,
            claims: options.claims,
            ...(options.ticket.secret === undefined ? {} : { token: options.ticket.secret }),
            ...(options.signal === undefined ? {} : { signal: options.signal }),
          },
        )
      } catch (error) {
        if (!(error instanceof MusterError) || error.exit !== 'unreachable') throw error
        failure = error
      }
    }
    throw failure
  } finally {
    await node.close()
  }
}

/** A node that is nobody's member yet and believes nobody's certificate. */
function candidateNode(deps: JoinDeps, identity: AgentIdentity, key: NodeKey): Promise<MusterNode> {
  return createNode(deps, {
    key,
    listen: [],
    fleet: identity.fleet,
    version: VERSION,
    credentials: {
      own: () => undefined,
      check: () => {
        throw trustError('trust.issuer', {
          what: 'the node certificate',
          key: 'a key that this host does not know before it has joined',
        })
      },
    },
  })
}

/** RFC 9562 version 4. */
function uuid(deps: { random: Random }): string {
  const bytes = Buffer.from(deps.random.bytes(16))
  bytes[6] = 0x40 | ((bytes[6] as number) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const CONFIG = `# Muster agent. Every key is described in docs/CONFIG.md; what is not set here has its default.
include: conf.d/*.yaml
# listen: ["/ip4/0.0.0.0/tcp/8470"]
# gateway: { listen: "127.0.0.1:8481" }
`
