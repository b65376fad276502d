/**
 * Declares every operation that changes something: the namespace in which the actor needs
 * `control`, the kind of its targets, and the arguments that the operator signs. The command line
 * signs only such intents, and the coordinator rejects others. An agent checks each received intent
 * again.
 */
import { z } from 'zod'
import { agentId, blobId, runId, sha256Hex } from '../../shared/ids.ts'
import { plainNameFault } from '../../shared/plain-name.ts'
import { labelsField } from '../../shared/trust/fields.ts'
import { GIB } from '../../shared/units.ts'
import { MAX_VARIABLES, variableName } from '../rpc/openings.ts'

/**
 * Names of repositories, snapshots and hosts. They are safe as one path component on every file
 * system (GC-08).
 */
export const safeName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'expected a letter or digit, then up to 63 letters, digits, dots, dashes, underscores',
  )
/** The labels that a node certificate can contain. A host with other labels could not join. */
export const labelsMessage = labelsField

const agentText = z.custom<string>((value) => agentId.is(value), 'expected an agent id')
const runText = z.custom<string>((value) => runId.is(value), 'expected a run id')
const blobText = z.custom<string>((value) => blobId.is(value), 'expected a blob id')
const commitmentText = z.custom<string>(
  (value) => sha256Hex.is(value),
  'expected the commitment to a value: 64 lower-case hex digits',
)
/**
 * A signed statement inside an intent's arguments, with its parts in base64. So the log entry
 * contains all data for its verification.
 */
const statementText = z.strictObject({
  statement: z.string().max(65_536),
  scheme: z.literal('sshsig'),
  key: z.string().length(44),
  signature: z.string().max(2048),
})

/**
 * The program that an operator starts. The limits follow those of the kernel (128 KiB for an
 * argument, PATH_MAX) and keep a log entry below 64 KiB.
 */
export const runStartArguments = z.strictObject({
  /** One run id for each target agent. */
  runs: z.record(agentText, runText),
  command: z
    .array(z.string().max(32_768, 'expected at most 32768 characters'))
    .min(1, 'expected a program')
    .max(1024, 'expected at most 1024 words')
    .refine(([program]) => program !== '', 'expected a program, got an empty word'),
  /**
   * The commitment to the value of each variable (AL-13). The values are sent with the intent:
   * `protocols/rpc/openings.ts`.
   */
  env: z
    .record(variableName, commitmentText)
    .refine(
      (env) => Object.keys(env).length <= MAX_VARIABLES,
      `expected at most ${MAX_VARIABLES} variables`,
    ),
  cwd: z.string().max(4096, 'expected at most 4096 characters').optional(),
  user: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected 1 to 64 letters, digits, dots, dashes, underscores')
    .optional(),
  name: z
    .string()
    .min(1, 'expected at least 1 character')
    .max(64, 'expected at most 64 characters')
    .refine(
      (text) => plainNameFault(text) === undefined,
      'expected no control or invisible characters, and no blanks around it',
    )
    .optional(),
  limits: z.strictObject({
    memoryBytes: z.int().positive().optional(),
    /** Thousandths of one core, because statements contain only integers. */
    cpuMillis: z.int().positive().optional(),
    pids: z.int().positive().max(4_194_304).optional(),
    timeoutMs: z.int().positive().optional(),
    outputBytes: z
      .int()
      .positive()
      .max(64 * GIB),
  }),
})
export type RunStartArguments = z.infer<typeof runStartArguments>

export interface VerbSpec<A extends z.ZodType = z.ZodType> {
  /** The namespace in which the actor needs `control`. */
  readonly namespace: string
  /**
   * `agents`: each target is an agent id, authorised with that agent's labels. `fleet`: the whole
   * namespace. `repository`: `<namespace>/<name>`.
   */
  readonly target: 'fleet' | 'agents' | 'repository'
  readonly arguments: A
}

const verb = <A extends z.ZodType>(spec: VerbSpec<A>): VerbSpec<A> => spec

export const VERBS = {
  'enroll.token': verb({
    namespace: 'fleet',
    target: 'fleet',
    arguments: z.strictObject({
      /**
       * SHA-256 of the secret. The secret stays on the operator's terminal until the host uses it.
       */
      hash: z.custom<string>((value) => sha256Hex.is(value)),
      labels: labelsMessage,
      ttlMs: z.int().positive().max(3_600_000),
      approve: z.boolean(),
    }),
  }),
  'enroll.approve': verb({
    namespace: 'fleet',
    target: 'agents',
    arguments: z.strictObject({ labels: labelsMessage }),
  }),
  'enroll.reject': verb({ namespace: 'fleet', target: 'agents', arguments: z.strictObject({}) }),
  'agent.label': verb({
    namespace: 'fleet',
    target: 'agents',
    arguments: z.strictObject({ labels: labelsMessage }),
  }),
  'agent.revoke': verb({
    namespace: 'fleet',
    target: 'agents',
    arguments: z.strictObject({ revocation: statementText }),
  }),
  'repo.sync': verb({
    namespace: 'repo',
    target: 'repository',
    arguments: z.strictObject({
      createSnapshot: z.boolean(),
      snapshotName: safeName.optional(),
      /** Accepts a revision that is lower than the last one. */
      allowRollback: z.boolean(),
      /** Accepts the loss of nearly all packages. */
      acceptShrink: z.boolean(),
    }),
  }),
  'repo.publish': verb({
    namespace: 'publish',
    target: 'repository',
    arguments: z.strictObject({ snapshot: safeName.optional() }),
  }),
  'snapshot.create': verb({
    namespace: 'snapshot',
    target: 'repository',
    arguments: z.strictObject({
      name: safeName,
      description: z.string().max(1024, 'expected at most 1024 characters'),
    }),
  }),
  'snapshot.delete': verb({
    namespace: 'snapshot',
    target: 'repository',
    arguments: z.strictObject({ name: safeName }),
  }),
  'artifact.add': verb({
    namespace: 'artifact',
    target: 'fleet',
    arguments: z.strictObject({ blob: blobText, size: z.int().nonnegative() }),
  }),
  'run.start': verb({ namespace: 'run', target: 'agents', arguments: runStartArguments }),
  'run.stop': verb({
    namespace: 'run',
    target: 'agents',
    arguments: z.strictObject({
      run: runText,
      graceMs: z.int().nonnegative().max(600_000),
      signal: z
        .string()
        .regex(/^SIG[A-Z0-9+]{2,12}$/)
        .optional(),
    }),
  }),
  'grant.add': verb({
    namespace: 'policy',
    target: 'fleet',
    arguments: z.strictObject({ grant: statementText }),
  }),
  'grant.revoke': verb({
    namespace: 'policy',
    target: 'fleet',
    arguments: z.strictObject({ revocation: statementText }),
  }),
} as const satisfies Record<string, VerbSpec>

export type Verb = keyof typeof VERBS
type VerbArguments = { readonly [V in Verb]: z.infer<(typeof VERBS)[V]['arguments']> }
export type ArgumentsOf<V extends Verb> = VerbArguments[V]

export const isVerb = (text: string): text is Verb => Object.hasOwn(VERBS, text)
