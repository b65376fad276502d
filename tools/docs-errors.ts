/**
 * docs/ERRORS.md: every error code with its exit code, the form of its message and what to do, from
 * the tables that declare them.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sources } from './sources.ts'
import { declaredErrors, type ErrorKind } from '../shared/errors.ts'
import { EXIT } from '../shared/exit-codes.ts'

const root = join(import.meta.dirname, '..')

/** The files that declare errors. */
export function errorTables(): string[] {
  return sources()
    .filter(
      ({ path, code }) =>
        /\bdefineErrors\(/.test(code) &&
        path !== 'shared/errors.ts' &&
        !/\.test\.ts$|(^|\/)testing\/|^(e2e|tools|fixtures|bench)\//.test(path),
    )
    .map(({ path }) => path)
}

/** Loads every table; their kinds by code. */
export async function allErrors(): Promise<ReadonlyMap<string, ErrorKind>> {
  for (const path of errorTables()) await import(join(root, path))
  return declaredErrors()
}

export async function renderErrors(): Promise<string> {
  const errors = await allErrors()
  const owners = new Map(
    errorTables().flatMap((path) =>
      [
        ...readFileSync(join(root, path), 'utf8').matchAll(/^ {2}'([a-z0-9-]+\.[a-z0-9.-]+)':/gm),
      ].map((match) => [match[1] as string, path]),
    ),
  )
  const areas = Map.groupBy(
    [...errors].sort(([a], [b]) => (a < b ? -1 : 1)),
    ([code]) => code.split('.')[0] as string,
  )
  const sections = [...areas].map(([area, kinds]) => {
    const rows = kinds.map(([code, kind]) => {
      const hint = kind.hint === undefined ? '' : form(kind.hint)
      return `| \`${code}\` | ${EXIT[kind.exit]}${kind.retryable === true ? ', may pass' : ''} | ${cell(form(kind.message))} | ${cell(hint)} |\n`
    })
    const files = [
      ...new Set(kinds.map(([code]) => owners.get(code)).filter((path) => path !== undefined)),
    ]
    return `## ${area}\n\nDeclared in ${files.map((path) => `\`${path}\``).join(', ')}.\n\n| code | exit | what happened | what to do |\n|---|---|---|---|\n${rows.join('')}`
  })
  return `# Errors

<!-- Made by tools/docs.ts from the error tables of the code; change those. -->

Every error that Muster raises on purpose has one of these codes: in logs, in \`{"type":"error","code":…}\` with \`-o json\`, and between nodes. The
exit code is what the command line ends with. *May pass* means that the same call can succeed later without anybody changing anything. Words
in angle brackets are filled in.

${sections.join('\n')}`
}

/** A message with its values replaced by their names; what it computes from them is `<n>`. */
export function form(render: (data: never) => string): string {
  return String(render(placeholder('') as never))
    .replace(/\bNaN\b/g, '<n>')
    .replace(/\s+/g, ' ')
    .trim()
}

/**
 * Stands for any value and whatever is asked of it: `d.hosts.slice(0, 3).join(', ')` reads as
 * `<hosts>`.
 */
function placeholder(name: string): unknown {
  const text = `<${name}>`
  return new Proxy(() => undefined, {
    get: (_, key) => {
      if (key === Symbol.toPrimitive || key === 'toString' || key === 'toJSON' || key === 'valueOf')
        return () => text
      if (key === Symbol.iterator) return () => [placeholder(name)][Symbol.iterator]()
      return typeof key === 'symbol' ? undefined : placeholder(name === '' ? key : name)
    },
    apply: () => placeholder(name),
  })
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
