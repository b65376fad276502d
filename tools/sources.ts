/** Reads the project's source files, for the policy tests and the documentation. */
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
  /** The path relative to the project, with forward slashes. */
  readonly path: string
  readonly folder: Folder
  readonly text: string
  /** The text with blanks in place of comments. */
  readonly code: string
  /** True for a test or code for tests only, which may import test tools and fixtures. */
  readonly isTest: boolean
}

export interface Import {
  /** The name in the source: `node:fs`, `zod`, `../errors.ts`. */
  readonly specifier: string
  /** The line where the import begins. */
  readonly line: number
  /** The npm package, if it is neither relative nor part of Node. */
  readonly package: string | undefined
  /** The project's file, relative to the root. */
  readonly file: string | undefined
  /** True for `import type`, which is removed before the program runs. */
  readonly typeOnly: boolean
  /** True for `import('…')`, which loads nothing until it is executed. */
  readonly dynamic: boolean
}

let cached: readonly Source[] | undefined

/**
 * Returns every TypeScript file of the project except the AssemblyScript ones and the fixtures of
 * the policies.
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

/** Returns the imports of a file. `path` is the path of the file, and `code` has no comments. */
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
      line: code.slice(0, match.index).split('\n').length,
      package: npm ? name : undefined,
      file: relativeFile,
      typeOnly: match[1] !== undefined,
      dynamic: match[3] !== undefined,
    }
  })
}
