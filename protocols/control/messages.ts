/**
 * The messages of `/muster/control/1`, between an operator's command line and a coordinator.
 * README.md describes the fields.
 */
import { z } from 'zod'
import { agentId, blobId, runId } from '../../shared/ids.ts'
import { factManager, factProblem } from '../../shared/facts/collection.ts'
import { openingsMessage } from '../rpc/openings.ts'
import { bytesOf, signedMessage } from '../statement.ts'

const agentText = z.custom<string>((value) => agentId.is(value), 'expected an agent id')
const runText = z.custom<string>((value) => runId.is(value), 'expected a run id')
const text = z.string().max(4096)
const name = z.string().max(256)
const labels = z.record(z.string(), z.string())
/** A time in RFC 3339, UTC. */
const time = z.string().max(32)
/** The words after `--on`: host names, ids, prefixes of them, `k=v[,k=v]`, or `all`. */
export const selectors = z.array(z.string().min(1).max(1024)).min(1).max(256)

export const empty = z.object({})

// Session: the proof that this duplex belongs to the operator who signed the delegation.
export const sessionChallenge = z.object({
  nonce: bytesOf(32),
  fleet: z.string(),
  coordinator: z.string(),
  name,
  version: name,
  /** The coordinator's time. Earlier builds don't send it. */
  at: time.optional(),
})
export const sessionOpen = z.object({ delegation: signedMessage, proof: bytesOf(64) })

/** The state of each package manager. Older coordinators and hosts don't send it. */
const managers = z.array(factManager).optional()

// Fleet
export const agentRow = z.object({
  name,
  id: agentText,
  status: z.enum(['connected', 'offline', 'pending', 'revoked']),
  labels,
  lastSeen: time.nullable(),
  version: name.nullable(),
  peerId: z.string(),
  fingerprint: z.string(),
  enrolledAt: time.nullable(),
  addresses: z.array(z.string()),
  /** Present if several machines run as this host: their addresses. */
  copies: z.array(z.string()).optional(),
  /** The host's clock minus the coordinator's in milliseconds, at the host's last greeting. */
  clockOffsetMs: z.int().optional(),
  /** The host's report on its disk: `disk full: /var/lib/muster`. Absent without a problem. */
  trouble: z.string().optional(),
  /** The time of the last collection (null if unknown), and the problems with the packages. */
  facts: z.object({ at: time.nullable(), problems: z.array(factProblem), managers }).optional(),
})
export type AgentRow = z.infer<typeof agentRow>
export const agentList = z.object({ agents: z.array(agentRow) })
export const resolveRequest = z.object({ on: selectors })
export const resolveResponse = z.object({
  agents: z.array(z.object({ id: agentText, name, status: agentRow.shape.status })),
})
/** The version that `latest` serves. */
const served = z.object({
  /** The number of the version in its repository. */
  version: z.int(),
  /** The snapshot that an operator chose for `latest`; null while it follows the newest version. */
  snapshot: name.nullable(),
  newest: z.boolean(),
  /** Null if an earlier Muster published it. */
  since: time.nullable(),
})
export type ServedRow = z.infer<typeof served>
export const statusResponse = z.object({
  coordinator: z.object({
    name,
    version: name,
    peerId: z.string(),
    startedAt: time,
    addresses: z.array(z.string()),
    http: z.string().nullable(),
    /** The failure of a disk, because of which the coordinator refuses changes. Absent for none. */
    trouble: z.string().optional(),
  }),
  repositories: z.array(
    z.object({
      id: name,
      lastSync: time.nullable(),
      result: z.string().nullable(),
      /** Null while nothing is published. */
      served: served.nullable().optional(),
    }),
  ),
  agents: z.object({ connected: z.int(), offline: z.int(), pending: z.int(), revoked: z.int() }),
  /** Connected hosts that report a failure of their disk. */
  troubles: z.array(z.object({ name, trouble: z.string() })).optional(),
  store: z.object({ blobs: z.int(), bytes: z.int() }),
  log: z.object({
    size: z.int(),
    root: z.string(),
    at: time.nullable(),
    openIntents: z.int(),
    /**
     * The reason why the log accepts no entries and no change is possible. Null if it accepts them.
     */
    frozen: z.string().nullable().optional(),
    /** True while checkpoints fail for a temporary reason, such as a full disk. */
    unsigned: z.boolean().optional(),
  }),
})
export type StatusResponse = z.infer<typeof statusResponse>
export const ticketResponse = z.object({ ticket: z.string() })

// Mirror
const lastSync = z.object({
  startedAt: time,
  finishedAt: time.nullable(),
  result: z.enum(['complete', 'incomplete', 'failed']).nullable(),
  message: z.string().nullable(),
})
export const repositoryRow = z.object({
  id: name,
  type: z.string(),
  enabled: z.boolean(),
  upstream: z.string(),
  packages: z.int(),
  bytes: z.int(),
  revision: z.string().nullable(),
  lastSync: lastSync.nullable(),
  snapshots: z.array(name),
  retention: z.string(),
  published: z.string().nullable(),
  /** The newest version; null before the first sync. */
  version: z.int().nullable().optional(),
  /** Null while nothing is published. */
  served: served.nullable().optional(),
})
export type RepositoryRow = z.infer<typeof repositoryRow>
export const repositoryRequest = z.object({ repository: name })
export const repositoryList = z.object({ repositories: z.array(repositoryRow) })
export const checkResponse = z.object({ changed: z.array(name), unchanged: z.array(name) })
export const snapshotRow = z.object({
  name,
  repository: name,
  createdAt: time,
  description: z.string(),
  packages: z.int(),
  bytes: z.int(),
  revision: z.string().nullable(),
})
export type SnapshotRow = z.infer<typeof snapshotRow>
export const snapshotListRequest = z.object({ repository: name.optional() })
export const snapshotList = z.object({ snapshots: z.array(snapshotRow) })
export const diffRequest = z.object({ repository: name, from: name, to: name })
export const diffResponse = z.object({
  /** NEVRAs. */
  added: z.array(z.string()),
  removed: z.array(z.string()),
  updated: z.array(
    z.object({ name: z.string(), arch: z.string(), from: z.string(), to: z.string() }),
  ),
  advisories: z.array(z.string()),
})
export const syncPlan = z.object({
  repository: name,
  fetch: z.int(),
  bytes: z.int(),
  remove: z.int(),
  unchanged: z.int(),
})

// Runs
export const runRow = z.object({
  run: runText,
  host: name,
  agent: agentText,
  command: z.array(z.string()),
  name: z.string().nullable(),
  /**
   * The text of `process status`: `running`, `not confirmed`, `exited: N`, `stopped`,
   * `killed: SIGNAL`, `failed to start: REASON`, `lost: REASON`.
   */
  status: z.string(),
  state: z.string(),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  outputBytes: z.int(),
  droppedBytes: z.int(),
  limits: z.string().nullable(),
  /**
   * Why Muster or the system ended the run (`timeout`, `oom`), or why it didn't start. Older
   * coordinators don't send it.
   */
  reason: z.string().nullable().optional(),
  /** Requested limits that the host can't enforce. They are known only until the run ends. */
  unenforced: z.array(z.string()).max(3).optional(),
  actor: z.string(),
  /** The host's last report, or null. Earlier builds don't send this and the next fields. */
  seenAt: time.nullable().optional(),
  /** True if the host does not respond and the run had not ended at its last report. */
  stale: z.boolean().optional(),
  /** `offline`: the host is not connected. `silent`: it is connected, but does not respond. */
  contact: z.enum(['answered', 'offline', 'silent']).optional(),
  /** For a stale run: the time since when its host has not responded. */
  unreachableSince: time.nullable().optional(),
})
export type RunRow = z.infer<typeof runRow>
/** A run id, or a unique prefix or suffix of one. */
export const runRequest = z.object({ run: z.string().min(1).max(36) })
export const runListRequest = z.object({
  on: selectors.optional(),
  all: z.boolean(),
  /** The last run of the previous page. Absent for the first page. */
  after: runText.optional(),
})
/** One page, newest first. `next`: the last run of this page, if there are more. */
export const runList = z.object({ runs: z.array(runRow), next: runText.optional() })
export const runOutputRequest = z.object({
  run: z.string().min(1).max(36),
  follow: z.boolean(),
  stdout: z.int().nonnegative(),
  stderr: z.int().nonnegative(),
})

// Facts
export const packageRow = z.object({
  manager: z.string(),
  name,
  epoch: z.int(),
  version: z.string(),
  release: z.string(),
  arch: z.string(),
})
export const hostRequest = z.object({ host: name })
export const factsResponse = z.object({
  host: name,
  agent: agentText,
  epoch: z.int(),
  sequence: z.int(),
  root: z.string(),
  at: time,
  os: z.record(z.string(), z.string()),
  packages: z.array(packageRow),
  /** Problems of the host's collections. Older coordinators don't send them. */
  problems: z.array(factProblem).optional(),
  managers,
})
export type FactsResponse = z.infer<typeof factsResponse>
export const historyRequest = z.object({ host: name, package: name.optional() })
export const historyRow = z.object({
  at: time,
  event: z.enum(['install', 'uninstall', 'update']),
  manager: z.string(),
  name,
  from: z.string().nullable(),
  to: z.string().nullable(),
  source: z.string().nullable(),
  durationSeconds: z.int().nullable(),
})
export const historyResponse = z.object({
  events: z.array(historyRow),
  /** The number of older events that are not listed. Absent for none. */
  omitted: z.int().positive().optional(),
})
export const findRequest = z.object({
  name,
  version: z.string().max(256).optional(),
  on: selectors.optional(),
})
export const findRow = z.object({
  host: name,
  manager: z.string(),
  name,
  version: z.string(),
  arch: z.string().nullable(),
  seenAt: time,
  /** The host is offline, or its packages could not be read again. */
  stale: z.boolean(),
  /** The reason why they could not be read. */
  problem: z.string().optional(),
})
export type FindRow = z.infer<typeof findRow>
export const findResponse = z.object({
  found: z.array(findRow),
  /** Hosts that have more versions of the package than are listed. Absent for none. */
  crowded: z.array(name).optional(),
  /** Hosts whose packages are unknown or outdated. These hosts may have the package. */
  unsure: z.array(z.object({ host: name, reason: z.string() })).optional(),
  unsureCount: z.int().optional(),
})

// Log and grants
export const logRequest = z.object({
  from: z.int().nonnegative(),
  count: z.int().positive().max(1000),
  actor: z.string().optional(),
})
export const logRow = z.object({
  index: z.int(),
  at: time,
  type: z.string(),
  operation: z.string().nullable(),
  actor: z.object({ fingerprint: z.string(), name: z.string() }),
  verb: z.string().nullable(),
  targets: z.array(z.string()),
  /** The signed arguments, as canonical JSON text. */
  arguments: z.string(),
  result: z.string().nullable(),
})
export type LogRow = z.infer<typeof logRow>
export const logResponse = z.object({ entries: z.array(logRow), size: z.int() })
export const verifyResponse = z.object({
  size: z.int(),
  root: z.string(),
  signer: z.string(),
  openIntents: z.int(),
  checkpoint: z.string(),
})
export const proveRequest = z.object({ index: z.int().nonnegative() })
export const proveResponse = z.object({
  index: z.int(),
  size: z.int(),
  entry: bytesOf(65_536),
  proof: z.array(bytesOf(32)),
  checkpoint: z.string(),
})
export const exportFile = z.object({ path: z.string(), size: z.int() })
export const grantRow = z.object({
  id: z.string(),
  subject: z.string(),
  issuer: z.string(),
  namespace: z.string(),
  level: z.string(),
  selector: z.string(),
  notAfter: time,
  revoked: z.boolean(),
})
export type GrantRow = z.infer<typeof grantRow>
/** `epoch`: the fleet's revocation epoch. The next revocation takes the following number. */
export const grantList = z.object({ grants: z.array(grantRow), epoch: z.int() })

// Content
export const blobRequest = z.object({
  blob: z.custom<string>((value) => blobId.is(value), 'expected a blob id'),
})
/** Bytes from `start` up to, but not including, `end`. */
export const byteRange = z.object({ start: z.int().nonnegative(), end: z.int().positive() })
export const blobGetRequest = blobRequest.extend({ range: byteRange.optional() })
export const blobInfo = z.object({ size: z.int() })
export const providerList = z.object({
  providers: z.array(z.object({ name, peerId: z.string(), whole: z.boolean() })),
})

// Operations: all changes
export const operateRequest = z.object({
  intent: signedMessage,
  /** The variables of a `run.start`, for the intent's commitments. Absent if there are none. */
  values: openingsMessage.optional(),
})
export const operateProgress = z.object({
  what: text,
  done: z.int(),
  total: z.int(),
  files: z.int().optional(),
  of: z.int().optional(),
  item: text.optional(),
})
export type OperateProgress = z.infer<typeof operateProgress>
/** The plain values of an outcome. The data of an error has the same form. */
export const plainValue = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.array(z.string()),
])
export const operateResult = z.object({
  target: z.string(),
  result: z.enum(['done', 'failed', 'refused', 'unknown']),
  detail: z.record(z.string(), plainValue),
  /** Present if the target failed with one of Muster's errors. */
  error: z.object({ code: z.string(), data: z.record(z.string(), plainValue) }).optional(),
})
export type OperateResult = z.infer<typeof operateResult>
export const operateResponse = z.object({
  operation: z.string(),
  index: z.int(),
  results: z.array(operateResult),
})
export type OperateResponse = z.infer<typeof operateResponse>
