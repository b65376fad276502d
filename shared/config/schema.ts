/**
 * The configuration schema of a home (coordinator or agent): keys, types, limits, defaults and
 * descriptions. docs/CONFIG.md is generated from it.
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
        'further files, as a glob relative to this file. Muster reads them in the order of their ' +
          'names, and only regular `*.yaml` files of root or of the user. ' +
          'A file with `name` and `type` is a repository. ' +
          'Other files add to this configuration, and a later file overrides an earlier one',
      ),
    storage: z
      .strictObject({
        base_path: path
          .optional()
          .describe('the folder of blobs and working files; default: the home'),
      })
      .prefault({})
      .describe('Storage of content.'),
    database: z
      .strictObject({
        url: databaseUrl
          .optional()
          .describe(
            '`sqlite:///path` or `postgresql://user@host/name`; ' +
              'default: `muster.db` in the home, which `muster init` creates. ' +
              "PostgreSQL isn't supported yet; the coordinator rejects its URL",
          ),
      })
      .prefault({})
      .describe('The database of a coordinator.'),
    download: z
      .strictObject({
        // 64: more connections aren't faster, and many upstreams reject them.
        workers: z.int().min(1).max(64).default(10).describe('files fetched at the same time'),
        retries: z.int().min(0).max(20).default(5).describe('retries for each file'),
        timeout: z
          .int()
          .min(1)
          .max(86_400)
          .default(300)
          .describe('if no byte arrives for so many seconds, the attempt is aborted'),
      })
      .prefault({})
      .describe('Downloads from upstreams.'),
    listen: z
      .array(multiaddr)
      .min(1)
      // A host has fewer addresses, and each one uses a socket.
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
        // A runner keeps the records of these runs in memory, and those of the last hour.
        keep: z
          .int()
          .min(0)
          .max(10_000)
          .default(DEFAULT_KEEP_RUNS)
          .describe(
            'how many ended runs are kept with their output, newest first; ' +
              'up to 10,000 runs of the last hour are kept too',
          ),
        keep_bytes: z
          .int()
          .min(0)
          .default(DEFAULT_KEEP_BYTES)
          .describe('total output bytes of ended runs; above it the oldest runs are removed'),
        keep_days: z
          .int()
          .min(1)
          .max(36_500)
          .optional()
          .describe('days after which an ended run is removed; default: no limit'),
      })
      .prefault({})
      .describe(
        "How long the agent's host keeps ended runs. Each is kept for at least ten minutes.",
      ),
  })
  .describe('The configuration file of a home.')

type Parsed = z.output<typeof configSchema>

/** A validated configuration with its defaults and absolute paths. */
export interface Config extends Omit<Parsed, 'storage' | 'database' | 'include'> {
  /** The base of relative paths. */
  readonly home: string
  /** Every file that was read, the main file first. */
  readonly files: readonly string[]
  readonly storage: { readonly base_path: string }
  readonly database: { readonly url: string }
  /**
   * Settings that this version doesn't support (unsupported.ts), each as `file:line:col key: text`.
   * Settings of a repository concern only that repository.
   */
  readonly unsupported: {
    readonly settings: readonly string[]
    readonly repositories: readonly string[]
  }
  /** Sorted by name. */
  readonly repositories: readonly RepositoryConfig[]
}
