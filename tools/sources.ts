/** The project's own source files, as the policy tests and the documentation read them. */
import { globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { withoutComments } from './comments.ts'

export const root = join(import.meta.dirname, '..')

/** The parts of the program, each a top-level folder. */
export const FOLDERS = [
  'shared',
  'protocols',
  'node',
  'coordinator',
  'agent',
  'cli',
  'fixtures',
  'e2e',
  'bench',
  'tools',
] as const
export type Folder = (typeof FOLDERS)[number]

export interface Source {
  /** Relative to the project, with forward slashes. */
  readonly path: string
  readonly folder: Folder
  readonly text: string
  /** The text without comments, line by line as before. */
  readonly code: string
  /** A test, or what only tests use: these may import test tools and fixtures. */
  readonly isTest: boolean
}

export interface Import {
  /** As written: `node:fs`, `zod`, `../errors.ts`. */
  readonly specifier: string
  /** The npm package, for one that is neither relative nor of Node. */
  readonly package: string | undefined
  /** The file of ours, relative to the project. */
  readonly file: string | undefined
  /** True for `import type`, which is gone before anything runs. */
  readonly typeOnly: boolean
  /** True for `import('…')`, which loads nothing until it is reached. */
  readonly dynamic: boolean
}

let cached: readonly Source[] | undefined

/**
 * Every TypeScript file of the project but the AssemblyScript ones and the policies' own bad
 * examples.
 */
export function sources(): readonly Source[] {
  cached ??= globSync(`{${FOLDERS.join(',')}}/**/*.ts`, { cwd: root })
    .filter(
      (path) =>
        !path.endsWith('.as.ts') &&
        !path.startsWith('e2e/policy/fixtures/') &&
        !path.includes('node_modules'),
    )
    .sort()
    .map((path) => source(path))
  return cached
}

export function source(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const isTest =
    path.endsWith('.test.ts') ||
    /(^|\/)testing(\/|\.ts$)/.test(path) ||
    path.endsWith('contract.ts')
  return { path, folder: path.split('/')[0] as Folder, text, code: withoutComments(text), isTest }
}

const IMPORT =
  /\b(?:import|export)\s+(type\s+)?(?:[\w*{][^'";]*?\sfrom\s+)?'([^'\n]+)'|\bimport\(\s*'([^'\n]+)'\s*\)/g

/** What a file imports; `path` is where it stands, `code` has no comments. */
export function importsOf({ path, code }: Pick<Source, 'path' | 'code'>): Import[] {
  return [...code.matchAll(IMPORT)].map((match) => {
    const specifier = (match[2] ?? match[3]) as string
    const relativeFile = specifier.startsWith('.')
      ? relative(root, join(root, path, '..', specifier))
      : undefined
    const npm = relativeFile === undefined && !specifier.startsWith('node:')
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    return {
      specifier,
      package: npm ? name : undefined,
      file: relativeFile,
      typeOnly: match[1] !== undefined,
      dynamic: match[3] !== undefined,
    }
  })
}
