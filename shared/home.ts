/**
 * The layout of a node's home: one folder for each node, mode 0700. Only this module knows the
 * paths.
 */
import { join } from 'node:path'

/** Paths that coordinators and agents share. */
interface NodePaths {
  readonly folder: string
  readonly config: string
  readonly confD: string
  /**
   * The node's ed25519 key, OpenSSH format, 0600. A copy of it can act as this node until the node
   * is revoked.
   */
  readonly nodeKey: string
  /**
   * Content-addressed pool. Content is verified when it is ingested and again when it is sent to
   * another node; this node trusts what it reads from the pool.
   */
  readonly pool: string
  /** 0700: access to the socket in it gives full control of the node. */
  readonly runFolder: string
  readonly socket: string
  /**
   * Locked by the process that works in this home. The file stays; the kernel releases the lock
   * when the process ends.
   */
  readonly lock: string
}

export interface CoordinatorPaths extends NodePaths {
  /** Name and fleet of this coordinator; marks the folder as a coordinator's home. */
  readonly identity: string
  /**
   * Signs node certificates, checkpoints and outcomes. A copy of it can act as this coordinator,
   * but can't make an agent execute anything.
   */
  readonly issuingKey: string
  /** Default path of SQLite. Trusted for availability; every reader verifies the log in it. */
  readonly database: string
  /** Tiles and checkpoints of the log, as files for any static server. */
  readonly log: string
  /** Published trees: `<repository>/latest` and `<repository>/snapshots/<name>`. */
  readonly publish: string
}

export interface AgentPaths extends NodePaths {
  /** Id, name, fleet, coordinators and pinned root; marks the folder as an agent's home. */
  readonly identity: string
  /**
   * Roots, revocation epoch, newest checkpoint and certificate: durable, and never replaced by
   * older ones.
   */
  readonly trust: string
  /** Accepted operations until they expire, and their outcomes. */
  readonly commands: string
  readonly facts: string
}

function nodePaths(home: string): NodePaths {
  return {
    folder: home,
    config: join(home, 'config.yaml'),
    confD: join(home, 'conf.d'),
    nodeKey: join(home, 'keys', 'node'),
    pool: join(home, 'pool'),
    runFolder: join(home, 'run'),
    socket: join(home, 'run', 'muster.sock'),
    lock: join(home, 'run', 'daemon.lock'),
  }
}

export function coordinatorPaths(home: string): CoordinatorPaths {
  return {
    ...nodePaths(home),
    identity: join(home, 'coordinator.json'),
    issuingKey: join(home, 'keys', 'issuing'),
    database: join(home, 'muster.db'),
    log: join(home, 'log'),
    publish: join(home, 'publish'),
  }
}

export function agentPaths(home: string): AgentPaths {
  return {
    ...nodePaths(home),
    identity: join(home, 'agent.json'),
    trust: join(home, 'trust'),
    commands: join(home, 'commands'),
    facts: join(home, 'facts'),
  }
}
