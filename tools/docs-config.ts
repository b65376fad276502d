/** docs/CONFIG.md, from the schema of the configuration. */
import { z } from 'zod'
import { unwrap } from '../shared/config/problems.ts'
import { repositorySchema } from '../shared/config/repository.ts'
import { configSchema } from '../shared/config/schema.ts'

/** The parts of a JSON schema that the page shows. */
interface Shape {
  readonly description?: string
  readonly type?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Shape
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly oneOf?: readonly Shape[]
  readonly anyOf?: readonly Shape[]
}

/** The whole page. */
export function renderConfig(): string {
  return `# The configuration

<!-- Made by tools/docs.ts from shared/config/schema.ts and repository.ts; change those. -->

Muster reads \`--config FILE\`, else \`$MUSTER_CONFIG\`, else \`<home>/config.yaml\`, else \`/etc/muster/config.yaml\`, and the files that it
includes. \`muster config validate\` checks all of them and lists every problem with file, line and key; \`muster config show\` prints what
is in force. Nothing of a configuration with a problem is used.

- The language is YAML 1.2: \`true\` and \`false\` are the only truth values, numbers are decimal, and a text that looks like a number needs
  quotes. Unknown keys, wrong types, duplicate keys, tags and values out of range are errors.
- \`\${NAME}\` and \`\${NAME:-default}\` in a value are replaced from the environment, after parsing, so a variable can't become structure. Inside
  \`{ }\` and \`[ ]\` put them in quotes. An unset variable without a default is an error; \`$\${\` stands for a literal \`\${\`.
- Relative paths start from the home.
- *Trusted:* whoever can write a configuration file can run programs as the user of the daemon. So each must be a regular file of root or of that
  user that not everybody may write, and an included one no symbolic link.

## \`config.yaml\`

\`\`\`yaml
include: conf.d/*.yaml
storage:  { base_path: /var/lib/muster }
database: { url: "sqlite:///var/lib/muster/muster.db" }
download: { workers: 10, retries: 5, timeout: 300 }
listen:   ["/ip4/0.0.0.0/tcp/8470"]
http:     { listen: "127.0.0.1:8480" }
gateway:  { listen: "127.0.0.1:8481" }
\`\`\`

${table(shapeOf(configSchema))}
## A repository

\`\`\`yaml
# conf.d/10-rhel9-baseos.yaml
name: rhel9-baseos
type: rpm
upstream: { url: "https://cdn.redhat.com/content/dist/rhel9/9/x86_64/baseos/os" }
credentials: { type: client_cert, cert: /etc/pki/entitlement/123.pem, key: /etc/pki/entitlement/123-key.pem, ca_cert: /etc/rhsm/ca/redhat-uep.pem }
retention: { policy: mirror, deleted_packages: remove }
publish: { latest_path: /srv/repos/rhel9-baseos/latest, snapshots_path: /srv/repos/rhel9-baseos/snapshots }
\`\`\`

A file with \`name\` and \`type\` at its top is a repository; by custom each has its own file in \`conf.d\`. The coordinator reads
them when it starts. A value that this version cannot honour is refused: by \`muster config validate\` (\`config.unsupported\`), and by \`muster repo sync\`
for that repository (\`mirror.unsupported\`), each with exit code 2. The coordinator says so as it starts, and goes on with the others.

${table(shapeOf(repositorySchema))}`
}

function shapeOf(schema: z.ZodType): Shape {
  return z.toJSONSchema(unwrap(schema), { io: 'input', unrepresentable: 'any' }) as Shape
}

function table(shape: Shape): string {
  const rows = Object.entries(shape.properties ?? {}).flatMap(([key, value]) =>
    rowsOf(key, value, shape.required?.includes(key) ?? false),
  )
  return `| key | value | default | meaning |\n|---|---|---|---|\n${rows.map((row) => `| ${row.map(cell).join(' | ')} |\n`).join('')}`
}

function rowsOf(key: string, shape: Shape, required: boolean): string[][] {
  const kinds = shape.oneOf ?? shape.anyOf
  const fallback =
    shape.properties !== undefined || kinds !== undefined
      ? ''
      : required
        ? 'required'
        : shape.default === undefined
          ? ''
          : `\`${JSON.stringify(shape.default)}\``
  const own = [`\`${key}\``, kindOf(shape), fallback, shape.description ?? '']
  if (kinds !== undefined) {
    const children = kinds.flatMap((kind) => {
      const name = String(kind.properties?.type?.const)
      return Object.entries(kind.properties ?? {}).map(([child, value]) => {
        const needed = kind.required?.includes(child) === true ? 'required' : ''
        return child === 'type'
          ? [`\`${key}.type\``, `\`${name}\``, '', value.description ?? '']
          : [
              `\`${key}.${child}\``,
              kindOf(value),
              needed,
              `with \`${name}\`: ${value.description ?? ''}`,
            ]
      })
    })
    return [own, ...children]
  }
  return [
    own,
    ...Object.entries(shape.properties ?? {}).flatMap(([child, value]) =>
      rowsOf(`${key}.${child}`, value, shape.required?.includes(child) ?? false),
    ),
  ]
}

function kindOf(shape: Shape): string {
  if (shape.const !== undefined) return `\`${String(shape.const)}\``
  if (shape.enum !== undefined) return shape.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (shape.oneOf !== undefined || shape.anyOf !== undefined || shape.properties !== undefined)
    return 'map'
  if (shape.type === 'array')
    return `list of ${shape.items === undefined ? 'values' : kindOf(shape.items)}`
  if (shape.type === 'integer') return `whole number, ${shape.minimum} to ${shape.maximum}`
  return shape.type === 'boolean'
    ? 'true or false'
    : shape.type === 'string'
      ? 'text'
      : (shape.type ?? 'value')
}

const cell = (text: string): string =>
  text.replaceAll('|', '\\|').replace(/<(?=[a-z])(?![^`]*`\s*$)/g, '&lt;')
