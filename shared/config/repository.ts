/**
 * The configuration of one repository: a file with `name` and `type` at its top, normally in
 * conf.d.
 */
import { z } from 'zod'
import { cron, httpUrl, openpgpFingerprint, path, repositoryName } from './formats.ts'

const credentials = z
  .discriminatedUnion('type', [
    z
      .strictObject({ type: z.literal('none').describe('the upstream asks for nothing') })
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
          .describe('the password; better `password_file` or `${NAME}`'),
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
          .describe('a TLS client certificate, as the Red Hat CDN wants it'),
        cert: path.describe('the certificate, PEM'),
        key: path.describe('its private key, PEM'),
        ca_cert: path
          .optional()
          .describe(
            "the authority that the upstream's own certificate must come from; default: the system's",
          ),
      })
      .describe('A TLS client certificate.'),
  ])
  .describe(
    'What the upstream asks for. Sent to the origin of `upstream.url` only, never across a redirect to another.',
  )

const rpm = z
  .strictObject({
    architectures: z
      .array(z.string().regex(/^[a-z0-9_]{1,32}$/, 'expected an architecture, such as x86_64'))
      .optional()
      .describe(
        'keep only packages of these architectures (noarch always stays); default: all, and this version mirrors nothing less',
      ),
    gpgcheck: z
      .boolean()
      .optional()
      .describe(
        'check the signature of every package; default: true where a key is configured. This version cannot, and refuses true',
      ),
    repo_gpgcheck: z
      .boolean()
      .optional()
      .describe('check the signature of repomd.xml; default and refusal as for `gpgcheck`'),
    gpgkey_url: httpUrl.optional().describe('where the public keys are fetched from'),
    gpgkey_file: path.optional().describe('a file with the public keys'),
    trusted_fingerprints: z
      .array(openpgpFingerprint)
      .min(1)
      .optional()
      .describe('accept only these keys, whatever the key file holds'),
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
  .describe('What is particular to RPM repositories.')

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
    enabled: z
      .boolean()
      .default(true)
      .describe('false: `repo sync --all` and schedules leave it out'),
    upstream: z
      .strictObject({ url: httpUrl.describe('the folder that holds `repodata/`') })
      .describe('Where it is mirrored from.'),
    credentials: credentials.prefault({ type: 'none' }),
    rpm: rpm.prefault({}),
    retention: z
      .strictObject({
        policy: z
          .enum(['mirror', 'newest-only', 'keep-all'])
          .default('mirror')
          .describe(
            'mirror: what upstream has; newest-only: of that the newest version of each package, module streams apart, as `dnf reposync --newest-only`; keep-all: what upstream has or ever had here. Metadata stay byte for byte, and signed by upstream, where they list just what is kept; else they are written anew and unsigned',
          ),
        deleted_packages: z
          .enum(['remove', 'keep'])
          .default('remove')
          .describe(
            'what happens to packages that upstream no longer has; `keep-all` keeps them in any case. Under `newest-only` a kept one still gives way to a newer',
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
      .describe('Where it is published on disk.'),
    schedule: z
      .strictObject({
        cron: cron.describe(
          'when to sync: minute, hour, day of the month, month, day of the week; in UTC. This version starts nothing by itself and refuses it, unless the repository is disabled: let cron run `muster repo sync`',
        ),
        create_snapshot: z
          .boolean()
          .default(false)
          .describe('make a snapshot after each sync that changed something'),
      })
      .optional()
      .describe('When it is synced without being asked.'),
  })
  .describe('One repository.')

type Parsed = z.output<typeof repositorySchema>

/** A checked repository: defaults filled in, every path absolute. */
export interface RepositoryConfig extends Omit<Parsed, 'publish'> {
  readonly publish: { readonly latest_path: string; readonly snapshots_path: string }
  /** The file that it was read from. */
  readonly file: string
}
