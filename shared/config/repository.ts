/**
 * The configuration of one repository: a file with `name` and `type` at the top level, normally in
 * conf.d.
 */
import { z } from 'zod'
import { cron, httpUrl, openpgpFingerprint, path, repositoryName } from './formats.ts'

const credentials = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('none').describe('the upstream requires no credentials') })
      .describe('No credentials.'),
    z
      .strictObject({
        type: z.literal('basic').describe('HTTP basic authentication'),
        // RFC 7617: the first colon ends the user name.
        username: z
          .string()
          .regex(/^[^:]+$/, 'expected a user name without a colon')
          .describe('the user name'),
        password: z
          .string()
          .min(1)
          .optional()
          .describe('the password; `password_file` or `${NAME}` is safer'),
        password_file: path.optional().describe('a file whose first line is the password'),
      })
      .refine((value) => (value.password === undefined) !== (value.password_file === undefined), {
        error: 'expected either password or password_file',
      })
      .describe('User name and password.'),
    z
      .strictObject({
        type: z
          .literal('client_cert')
          .describe('a TLS client certificate, as the Red Hat CDN requires'),
        cert: path.describe('the certificate, PEM'),
        key: path.describe('its private key, PEM'),
        ca_cert: path
          .optional()
          .describe(
            "the authority that must have issued the upstream's certificate; default: the system's",
          ),
      })
      .describe('A TLS client certificate.'),
  ])
  .describe(
    'Credentials for the upstream. Sent only to the origin of `upstream.url`, ' +
      'never across a redirect to another.',
  )

const rpm = z
  .strictObject({
    architectures: z
      .array(z.string().regex(/^[a-z0-9_]{1,32}$/, 'expected an architecture, such as x86_64'))
      .optional()
      .describe(
        'keep only packages of these architectures and noarch packages; default: all. ' +
          'This version always mirrors all and rejects this key',
      ),
    gpgcheck: z
      .boolean()
      .optional()
      .describe(
        'check the signature of every package; default: true if a key is configured. ' +
          'This version does not support this check, and rejects true',
      ),
    repo_gpgcheck: z
      .boolean()
      .optional()
      .describe(
        'check the signature of repomd.xml. The default and the limits are those of `gpgcheck`',
      ),
    gpgkey_url: httpUrl.optional().describe('the URL of the public keys'),
    gpgkey_file: path.optional().describe('a file with the public keys'),
    trusted_fingerprints: z
      .array(openpgpFingerprint)
      .min(1)
      .optional()
      .describe('accept only these keys, even if the key file has others'),
  })
  .superRefine((value, context) => {
    for (const key of ['gpgcheck', 'repo_gpgcheck'] as const) {
      if (value[key] !== true || hasKey(value)) continue
      context.addIssue({
        code: 'custom',
        path: [key],
        message: 'expected false, or a key in gpgkey_url or gpgkey_file',
      })
    }
  })
  .transform(({ gpgcheck, repo_gpgcheck, ...rest }) => ({
    ...rest,
    gpgcheck: gpgcheck ?? hasKey(rest),
    repo_gpgcheck: repo_gpgcheck ?? hasKey(rest),
  }))
  .describe('Settings of RPM repositories.')

function hasKey(value: {
  gpgkey_url?: string | undefined
  gpgkey_file?: string | undefined
  trusted_fingerprints?: string[] | undefined
}): boolean {
  return (
    value.gpgkey_url !== undefined ||
    value.gpgkey_file !== undefined ||
    value.trusted_fingerprints !== undefined
  )
}

export const repositorySchema = z
  .strictObject({
    name: repositoryName.describe('the id of the repository: in commands, paths and URLs'),
    type: z.literal('rpm').describe('the kind of repository'),
    enabled: z.boolean().default(true).describe('false: `repo sync --all` and schedules skip it'),
    upstream: z
      .strictObject({ url: httpUrl.describe('the folder that contains `repodata/`') })
      .describe('The upstream repository.'),
    credentials: credentials.prefault({ type: 'none' }),
    rpm: rpm.prefault({}),
    retention: z
      .strictObject({
        policy: z
          .enum(['mirror', 'newest-only', 'keep-all'])
          .default('mirror')
          .describe(
            'mirror: keeps the packages that the upstream has. newest-only: keeps the newest ' +
              'version of each of these packages, separately for each module stream, like ' +
              '`dnf reposync --newest-only`. keep-all: keeps also the packages that an earlier ' +
              'sync fetched. If the kept packages are exactly those in the ' +
              "upstream's metadata, Muster publishes that metadata unchanged. " +
              'Otherwise it writes new metadata without a signature',
          ),
        deleted_packages: z
          .enum(['remove', 'keep'])
          .default('remove')
          .describe(
            'whether Muster keeps packages that the upstream no longer has. `keep-all` always ' +
              'keeps them. With `newest-only`, a newer version still replaces a kept version',
          ),
      })
      .prefault({})
      .describe('Which packages are kept.'),
    publish: z
      .strictObject({
        latest_path: path
          .optional()
          .describe(
            'the symbolic link to the newest version; default: `<home>/publish/<name>/latest`',
          ),
        snapshots_path: path
          .optional()
          .describe(
            'the folder of the published snapshots; default: `<home>/publish/<name>/snapshots`',
          ),
      })
      .prefault({})
      .describe('Where the repository is published on disk.'),
    schedule: z
      .strictObject({
        cron: cron.describe(
          'when to sync: minute, hour, day of the month, month, day of the week; in UTC. ' +
            'Not supported yet: this version rejects the key, except if the repository is ' +
            'disabled. Run `muster repo sync` from cron',
        ),
        create_snapshot: z
          .boolean()
          .default(false)
          .describe('create a snapshot after each sync with changes'),
      })
      .optional()
      .describe('When the coordinator syncs it.'),
  })
  .describe('One repository.')

type Parsed = z.output<typeof repositorySchema>

/** A checked repository with its defaults and absolute paths. */
export interface RepositoryConfig extends Omit<Parsed, 'publish' | 'type'> {
  /** The engine uses a format only through this name. */
  readonly type: string
  readonly publish: { readonly latest_path: string; readonly snapshots_path: string }
  /** The file that it was read from. */
  readonly file: string
}
