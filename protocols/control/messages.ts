/**
 * The messages of `/muster/control/1`: what an operator's command line asks of a coordinator. Field
 * meanings: README.md beside this file.
 */
import { z } from 'zod'
import { agentId, blobId, runId } from '../../shared/ids.ts'
import { factProblem } from '../../shared/facts/collection.ts'
import { openingsMessage } from '../rpc/openings.ts'
import { bytesOf, signedMessage } from '../statement.ts'

const agentText = z.custom<string>((value) => agentId.is(value), 'expected an agent id')
const runText = z.custom<string>((value) => runId.is(value), 'expected a run id')
const text = z.string().max(4096)
const name = z.string().max(256)
const labels = z.record(z.string(), z.string())
/** RFC 3339 UTC. */
const time = z.string().max(32)
/** What `--on` says: host names, ids, prefixes of them, `k=v[,k=v]`, or `all`. */
export const selectors = z.array(z.string().min(1).max(1024)).min(1).max(256)

export const empty = z.object({})

// Session: proves that this duplex speaks for the operator who signed the delegation.
export const sessionChallenge = z.object({
  nonce: bytesOf(32),
  fleet: z.string(),
  coordinator: z.string(),
  name,
  version: name,
  /** The coordinator's clock. Absent from versions before 0.2. */
  at: time.optional(),
})
export const sessionOpen = z.object({ delegation: signedMessage, proof: bytesOf(64) })

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
  /** Present where several machines run as this host: their addresses. */
  copies: z.array(z.string()).optional(),
  /** The host's clock minus the coordinator's, in milliseconds, when the host last greeted. */
  clockOffsetMs: z.int().optional(),
  /** What the host reports of its disk, such as `disk full: /var/lib/muster`. Absent: nothing. */
  trouble: z.string().optional(),
  /** As of when its packages are known, null if they aren't, and what is wrong with them. */
  facts: z.object({ at: time.nullable(), problems: z.array(factProblem) }).optional(),
})
export type AgentRow = z.infer<typeof agentRow>
export const agentList = z.object({ agents: z.array(agentRow) })
export const resolveRequest = z.object({ on: selectors })
export const resolveResponse = z.object({
  agents: z.array(z.object({ id: agentText, name, status: agentRow.shape.status })),
})
/** What `latest` serves. */
const served = z.object({
  /** Of the repository's versions. */
  version: z.int(),
  /** The snapshot that an operator put `latest` on; null while it follows the newest version. */
  snapshot: name.nullable(),
  newest: z.boolean(),
  /** Null where an earlier Muster published it. */
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
    /** Why the log takes no entries, so that nothing can be changed. Null: it takes them. */
    frozen: z.string().nullable().optional(),
    /** True while checkpoints fail for a reason that may pass, such as a full disk. */
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
   * The words that `process status` prints: `running`, `not confirmed`, `exited: N`, `stopped`,
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
   * Why Muster or the system ended it: `timeout`, `oom`, what kept it from starting. Absent: an
   * older coordinator.
   */
  reason: z.string().nullable().optional(),
  /** Limits that were asked for and that its host can't enforce; known while it lives. */
  unenforced: z.array(z.string()).max(3).optional(),
  actor: z.string(),
  /**
   * When the host last said something about the run. Null: never. Absent before 0.2, like the next
   * ones.
   */
  seenAt: time.nullable().optional(),
  /** True where the run was not over when its host last spoke, and the host does not answer now. */
  stale: z.boolean().optional(),
  /**
   * Whether the host answered: not connected is `offline`, connected without an answer `silent`.
   */
  contact: z.enum(['answered', 'offline', 'silent']).optional(),
  /** Of a stale run: since when its host does not answer. */
  unreachableSince: time.nullable().optional(),
})
export type RunRow = z.infer<typeof runRow>
/** A run id, or a unique beginning or end of one. */
export const runRequest = z.object({ run: z.string().min(1).max(36) })
export const runListRequest = z.object({
  on: selectors.optional(),
  all: z.boolean(),
  /** The last run of the page before. Absent: the first page. */
  after: runText.optional(),
})
/** A page, newest first. `next`: there are more, after this run. */
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
  /** What could not be read again, refused or is odd; absent from older coordinators. */
  problems: z.array(factProblem).optional(),
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
  /** How many older events there are beside these. Absent: none. */
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
  /** The host is away, or its packages could not be read again. */
  stale: z.boolean(),
  /** Why they could not be read. */
  problem: z.string().optional(),
})
export type FindRow = z.infer<typeof findRow>
export const findResponse = z.object({
  found: z.array(findRow),
  /** Hosts that have more versions of the package than are listed. Absent: none. */
  crowded: z.array(name).optional(),
  /** Hosts whose packages are not known, or not as they are now: they may have it or not. */
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
/** `epoch`: the fleet's revocation epoch; the next revocation takes the number after it. */
export const grantList = z.object({ grants: z.array(grantRow), epoch: z.int() })

// Content
export const blobRequest = z.object({
  blob: z.custom<string>((value) => blobId.is(value), 'expected a blob id'),
})
/** Bytes from `start` to before `end`. */
export const byteRange = z.object({ start: z.int().nonnegative(), end: z.int().positive() })
export const blobGetRequest = blobRequest.extend({ range: byteRange.optional() })
export const blobInfo = z.object({ size: z.int() })
export const providerList = z.object({
  providers: z.array(z.object({ name, peerId: z.string(), whole: z.boolean() })),
})

// Operations: everything that changes something
export const operateRequest = z.object({
  intent: signedMessage,
  /**
   * What the intent only commits to: the values of the variables of a `run.start`. Absent: it names
   * none.
   */
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
/** Plain values of an outcome; also what an error carries. */
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
  /** Present where the target failed with one of Muster's own errors. */
  error: z.object({ code: z.string(), data: z.record(z.string(), plainValue) }).optional(),
})
export type OperateResult = z.infer<typeof operateResult>
export const operateResponse = z.object({
  operation: z.string(),
  index: z.int(),
  results: z.array(operateResult),
})
export type OperateResponse = z.infer<typeof operateResponse>
