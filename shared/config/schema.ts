/**
 * The configuration of a home, coordinator's or agent's: the one place that names its keys, their
 * types, bounds, defaults and meaning. docs/CONFIG.md is generated from it.
 */
import { z } from 'zod'
import { DEFAULT_KEEP_BYTES, DEFAULT_KEEP_RUNS } from '../run-defaults.ts'
import { databaseUrl, hostPort, multiaddr, path } from './formats.ts'
import type { RepositoryConfig } from './repository.ts'

export const configSchema = z
  .strictObject({
    include: z
      .string()
      .min(1)
      .default('conf.d/*.yaml')
      .describe(
        'further files, a glob relative to this file, read in the order of their names; only regular `*.yaml` files of root or of the user. ' +
          'A file with `name` and `type` is a repository; any other adds to this configuration, later ones winning',
      ),
    storage: z
      .strictObject({
        base_path: path
          .optional()
          .describe('the folder of blobs and working files; default: the home'),
      })
      .prefault({})
      .describe('Where content is kept.'),
    database: z
      .strictObject({
        url: databaseUrl
          .optional()
          .describe(
            '`sqlite:///path` or `postgresql://user@host/name`; default: `muster.db` in the home, where `muster init` makes it. This version founds a fleet in no PostgreSQL, and refuses its address',
          ),
      })
      .prefault({})
      .describe('Where a coordinator keeps its records.'),
    download: z
      .strictObject({
        // 64: beyond that no upstream is served faster and many refuse.
        workers: z.int().min(1).max(64).default(10).describe('files fetched at the same time'),
        retries: z.int().min(0).max(20).default(5).describe('further tries for each file'),
        timeout: z
          .int()
          .min(1)
          .max(86_400)
          .default(300)
          .describe('seconds without a byte after which a try is given up'),
      })
      .prefault({})
      .describe('How upstreams are read.'),
    listen: z
      .array(multiaddr)
      .min(1)
      // More addresses than a host has; each costs a socket.
      .max(16)
      .default(['/ip4/0.0.0.0/tcp/8470'])
      .describe('addresses for other nodes, as multiaddrs'),
    http: z
      .strictObject({
        listen: hostPort
          .default('127.0.0.1:8480')
          .describe('address of the published repositories'),
      })
      .prefault({})
      .describe("The coordinator's web server."),
    gateway: z
      .strictObject({
        listen: hostPort
          .default('127.0.0.1:8481')
          .describe("address for the host's own dnf and zypper"),
      })
      .prefault({})
      .describe("The agent's gateway."),
    runs: z
      .strictObject({
        // 10,000: more than that a runner does not hold in its memory beside those of the last
        // hour.
        keep: z
          .int()
          .min(0)
          .max(10_000)
          .default(DEFAULT_KEEP_RUNS)
          .describe(
            'ended runs that are kept with their output, the newest; all of them for an hour',
          ),
        keep_bytes: z
          .int()
          .min(0)
          .default(DEFAULT_KEEP_BYTES)
          .describe('bytes of output of all ended runs together; beyond it the oldest go'),
        keep_days: z
          .int()
          .min(1)
          .max(36_500)
          .optional()
          .describe('days after its end when a run is forgotten; default: never for its age alone'),
      })
      .prefault({})
      .describe(
        "What the agent's host keeps of ended runs. Each is kept for ten minutes at least.",
      ),
  })
  .describe('The configuration file of a home.')

type Parsed = z.output<typeof configSchema>

/** A checked configuration: defaults filled in, every path absolute. */
export interface Config extends Omit<Parsed, 'storage' | 'database' | 'include'> {
  /** The home that relative paths start from. */
  readonly home: string
  /** Every file that was read, the main one first. */
  readonly files: readonly string[]
  readonly storage: { readonly base_path: string }
  readonly database: { readonly url: string }
  /**
   * What this version does not do (unsupported.ts), each as `file:line:col key: text`; of the
   * repositories it concerns those alone.
   */
  readonly unsupported: {
    readonly settings: readonly string[]
    readonly repositories: readonly string[]
  }
  /** In the order of their names. */
  readonly repositories: readonly RepositoryConfig[]
}
