/**
 * Where a node keeps what is its own. One folder a node, 0700; the layout is stated here and
 * nowhere else.
 */
import { join } from 'node:path'

/** Paths that coordinators and agents share. */
interface NodePaths {
  readonly folder: string
  readonly config: string
  readonly confD: string
  /**
   * The node's ed25519 key, OpenSSH format, 0600. Trusted: whoever reads it is this node until it
   * is revoked.
   */
  readonly nodeKey: string
  /**
   * Content-addressed pool. Verified when it is taken in and again when it is sent to another node;
   * trusted for what this node itself reads from it.
   */
  readonly pool: string
  /** 0700: who can reach the socket in it owns the node. */
  readonly runFolder: string
  readonly socket: string
  /**
   * Held by the process that works in this home. The file stays; the lock on it ends with its
   * holder.
   */
  readonly lock: string
}

export interface CoordinatorPaths extends NodePaths {
  /** Name and fleet of this coordinator; marks the folder as a coordinator's home. */
  readonly identity: string
  /**
   * Signs node certificates, checkpoints and outcomes. Trusted: whoever reads it can act as this
   * coordinator, but can't make an agent act.
   */
  readonly issuingKey: string
  /**
   * SQLite's default place. Trusted for availability; the log in it is checked by everybody who
   * reads it.
   */
  readonly database: string
  /** Tiles and checkpoints of the log, as files that any static server may serve. */
  readonly log: string
  /** Published trees: `<repository>/latest` and `<repository>/snapshots/<name>`. */
  readonly publish: string
}

export interface AgentPaths extends NodePaths {
  /** Id, name, fleet, coordinators and pinned root; marks the folder as an agent's home. */
  readonly identity: string
  /** Roots, revocation epoch, newest checkpoint and certificate: durable and monotone. */
  readonly trust: string
  /** Operations that were accepted, until they expire, and their outcomes. */
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
