/**
 * `muster agent join`: creates the agent's home and sends a request to a coordinator of the ticket.
 * Key and id are durable before that, so that a host can repeat the request as the same host. If
 * the coordinator refuses, the home is removed.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createNode, type MusterNode } from '../../node/node.ts'
import { openTrustState } from '../../node/membership/trust-state.ts'
import type { Ticket } from '../../protocols/enroll/ticket.ts'
import type { Clock } from '../../shared/clock.ts'
import { defined } from '../../shared/defined.ts'
import { diskReason } from '../../shared/disk-reason.ts'
import { writeDurable } from '../../shared/durable-file.ts'
import { errno } from '../../shared/errno.ts'
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
  /** An OpenSSH private key for the node. Default: a new key. */
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
 * Joins a fleet. A second join with a ticket of the same fleet stores the ticket's addresses.
 * @throws agent.home-*, node.*, registry.*, trust.*
 */
export async function joinFleet(deps: JoinDeps, options: JoinOptions): Promise<Joined> {
  const { home } = options
  const { identity, key, made } = await prepare(deps, options)
  await using stack = new AsyncDisposableStack()
  try {
    // A running agent has read its trust state and addresses already, and would not use the new
    // ones.
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
    // The coordinator accepted the ticket, so its addresses are current. Crash before this: the
    // next join stores them.
    if (!made) await writeAgentIdentity(deps, home, identity)
    return { identity, status: enrolled.status, fingerprint: key.fingerprint }
  } catch (error) {
    // A home that the coordinator refused is useless. If the coordinator is unreachable or the disk
    // failed, the host may be admitted already. It must then be able to repeat the request.
    const isRefused = error instanceof MusterError && error.exit !== 'unreachable'
    if (made && isRefused && diskReason(error) === undefined)
      await rm(home, { recursive: true, force: true })
    throw unwritable(home, error)
  }
}

interface Prepared {
  readonly identity: AgentIdentity
  readonly key: NodeKey
  /** True if this call created the home. */
  readonly made: boolean
}

async function prepare(deps: JoinDeps, options: JoinOptions): Promise<Prepared> {
  const { home, ticket } = options
  const names = await namesIn(home)
  if (names.includes('agent.json')) return readHome(home, ticket)
  if (names.length > 0)
    throw agentHomeError('agent.home-exists', {
      folder: home,
      what: 'not empty, and not an agent’s home',
    })
  // The coordinator checks the name too. This check is before a key is created.
  requireHostName(options.name)
  const key =
    options.hostKey === undefined
      ? generateKey(deps, { comment: `${options.name} node` })
      : await loadKeyFile(options.hostKey)
  const identity: AgentIdentity = {
    id: agentId.parse(uuid(deps)),
    name: options.name,
    fleet: ticket.fleet,
    root: rootOf(ticket),
    coordinators: [...ticket.addresses],
  }
  await makeHome(deps, home, { identity, key })
  return { identity, key, made: true }
}

async function namesIn(home: string): Promise<string[]> {
  try {
    return await readdir(home)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw unwritable(home, error)
  }
}

/** Reads the home of an earlier join. The result has the addresses of the ticket. */
async function readHome(home: string, ticket: Ticket): Promise<Prepared> {
  const identity = await readAgentIdentity(home)
  if (identity.fleet !== ticket.fleet || identity.root !== rootOf(ticket))
    throw agentHomeError('agent.home-exists', {
      folder: home,
      what: 'the home of an agent of another fleet',
    })
  return {
    identity: { ...identity, coordinators: [...ticket.addresses] },
    key: await loadKeyFile(agentPaths(home).nodeKey),
    made: false,
  }
}

const rootOf = (ticket: Ticket): AgentIdentity['root'] =>
  sha256Hex.parse(Buffer.from(ticket.root).toString('hex'))

async function makeHome(
  deps: JoinDeps,
  home: string,
  { identity, key }: { identity: AgentIdentity; key: NodeKey },
): Promise<void> {
  const paths = agentPaths(home)
  // If two joins use one folder, only one of them can create the first folder in it.
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
    // This file is last, because it turns the folder into an agent's home. Crash before this: the
    // next join reports that the folder is not empty.
    await writeAgentIdentity(deps, home, identity)
  } catch (error) {
    // Nothing was sent yet. An incomplete home would block the next join.
    if (ours) await rm(home, { recursive: true, force: true })
    throw unwritable(home, error)
  }
}

/** Converts a failure of the disk to a Muster error. Returns any other error unchanged. */
function unwritable(folder: string, error: unknown): unknown {
  const reason = diskReason(error)
  return reason === undefined
    ? error
    : agentHomeError('agent.home-unwritable', { folder, reason }, { cause: error })
}

/** Sends the request to the first coordinator of the ticket that is reachable. */
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
      const result = await askOne(deps, { ...options, node, address, identity })
      if ('enrolled' in result) return result.enrolled
      failure = result.unreachable
    }
    throw failure
  } finally {
    await node.close()
  }
}

async function askOne(
  { clock }: JoinDeps,
  options: JoinOptions & { node: MusterNode; address: string; identity: AgentIdentity },
): Promise<{ readonly enrolled: Enrolled } | { readonly unreachable: MusterError }> {
  const { node, address, identity, claims, ticket, signal } = options
  try {
    const peer = await node.dial(address, signal)
    const open = (protocolId: string) => node.open(peer.id, protocolId, signal)
    const request = defined({ identity, claims, token: ticket.secret, signal })
    return { enrolled: await askToJoin({ clock, open }, request) }
  } catch (error) {
    if (error instanceof MusterError && error.exit === 'unreachable') return { unreachable: error }
    throw error
  }
}

/**
 * Creates a node for a host before its admission. It accepts no certificate, because it does not
 * have the root yet.
 */
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

/** Returns a UUID of version 4 (RFC 9562). */
function uuid(deps: { random: Random }): string {
  const bytes = Buffer.from(deps.random.bytes(16))
  bytes.writeUInt8(0x40 | (bytes.readUInt8(6) & 0x0f), 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  const hex = bytes.toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

const CONFIG = `# Muster agent. docs/CONFIG.md describes every key. An absent key has its default.
include: conf.d/*.yaml
# listen: ["/ip4/0.0.0.0/tcp/8470"]
# gateway: { listen: "127.0.0.1:8481" }
`
