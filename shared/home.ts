/**
 * Defines the layout of a node's home: one folder for each node, mode 0700. Only this module
 * contains the paths.
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
   * The pool. Content is verified when it is ingested, and again when it is sent to another node.
   * This node doesn't verify what it reads for itself.
   */
  readonly pool: string
  /** The folder of the socket, 0700. Access to the socket gives full control of the node. */
  readonly runFolder: string
  readonly socket: string
  /**
   * The process that works in this home locks this file. The kernel releases the lock when the
   * process ends, and the file stays.
   */
  readonly lock: string
}

export interface CoordinatorPaths extends NodePaths {
  /** Name and fleet of this coordinator. Its presence marks the folder as a coordinator's home. */
  readonly identity: string
  /**
   * Signs node certificates, checkpoints and outcomes. A copy of it can act as this coordinator,
   * but can't make an agent execute anything.
   */
  readonly issuingKey: string
  /** The default path of SQLite. Every reader verifies the log in it. */
  readonly database: string
  /** Tiles and checkpoints of the log, as files for any web server. */
  readonly log: string
  /** Published trees: `<repository>/latest` and `<repository>/snapshots/<name>`. */
  readonly publish: string
}

export interface AgentPaths extends NodePaths {
  /**
   * Id, name, fleet, coordinators and pinned root. Its presence marks the folder as an agent's
   * home.
   */
  readonly identity: string
  /**
   * Roots, revocation epoch, newest checkpoint and certificate. They are durable, and newer values
   * replace older ones, never the reverse.
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
