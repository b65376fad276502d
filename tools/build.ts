/**
 * npm run build: creates the published package in dist/package. Node rejects TypeScript below
 * node_modules, so the package contains JavaScript: every file that the command line and the runner
 * load, with types stripped, and the files that they read.
 *
 * usage: npm run build [-- --out FOLDER]
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { importsOf, root, source } from './sources.ts'

/** The files that are started as processes. They load all others. */
const ENTRIES = ['cli/main.ts', 'agent/runner/main.ts']
/** The files that code reads from its own folder. */
const ASSETS = ['wasm', 'cjs']
/** The program that npm links as `muster`. */
const PROGRAM = 'bin/muster.js'
const PAGES = ['README.md', 'LICENSE', 'CHANGELOG.md', ...globSync('docs/*.md', { cwd: root })]

/** Returns the entries and every file that they load, at the start or later. */
export function productionFiles(): string[] {
  const files = new Set<string>()
  const visit = (path: string): void => {
    if (files.has(path)) return
    files.add(path)
    for (const { file, typeOnly } of importsOf(source(path))) {
      // The compiler removes type imports. It finds their files without this list.
      if (file !== undefined && !typeOnly && existsSync(join(root, file))) visit(file)
    }
  }
  for (const entry of ENTRIES) visit(entry)
  return [...files].sort()
}

/**
 * Builds the package into `out` and removes an earlier build there.
 * @throws Error if the folder contains anything else
 */
export function build(out: string): void {
  const entries = existsSync(out) ? readdirSync(out) : []
  // The checkout has a package.json too, but no program with this name.
  if (entries.length > 0 && !existsSync(join(out, PROGRAM)))
    throw new Error(
      `${out} contains ${entries[0]}, expected an empty folder or an earlier build; ` +
        'name another folder, or remove it yourself',
    )
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const files = productionFiles()
  compile(files, out)
  for (const file of files) {
    for (const asset of globSync(`${dirname(file)}/*.{${ASSETS.join(',')},}`, { cwd: root }))
      copy(asset, out)
  }
  for (const page of PAGES.filter((name) => existsSync(join(root, name)))) copy(page, out)
  mkdirSync(join(out, 'bin'), { recursive: true })
  copyFileSync(join(root, 'tools/package-bin.mjs'), join(out, PROGRAM))
  chmodSync(join(out, PROGRAM), 0o755)
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`)
}

/**
 * Strips the types of `files`. `npm run check` checks the types, so this step only writes the
 * output.
 */
function compile(files: readonly string[], out: string): void {
  const config = join(out, 'tsconfig.json')
  const options = {
    noEmit: false,
    noCheck: true,
    outDir: out,
    rootDir: root,
    removeComments: false,
    sourceMap: false,
    declaration: false,
    // The compiler must write all files, also if an earlier check wrote build information.
    incremental: false,
    tsBuildInfoFile: null,
    types: [],
  }
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: options,
      files: files.map((file) => join(root, file)),
      include: [],
      exclude: [],
    }),
  )
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config], {
    stdio: 'inherit',
  })
  rmSync(config)
  // The compiler also writes files that are imported only for their types. No file loads those.
  const wanted = new Set(files.map((file) => file.replace(/\.ts$/, '.js')))
  for (const made of globSync('**/*.js', { cwd: out }))
    if (!wanted.has(made)) rmSync(join(out, made))
}

function copy(file: string, out: string): void {
  mkdirSync(join(out, dirname(file)), { recursive: true })
  copyFileSync(join(root, file), join(out, file))
}

/** Returns the package.json of the package: the fields for users, without those for development. */
function manifest(): object {
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    string,
    unknown
  >
  const { name, version, description, license, type, engines, dependencies, optionalDependencies } =
    own
  return {
    name,
    version,
    description,
    license,
    type,
    bin: { muster: PROGRAM },
    engines,
    dependencies,
    optionalDependencies,
  }
}

if (import.meta.main) {
  let out = ''
  try {
    const { values } = parseArgs({
      options: { out: { type: 'string', default: join(root, 'dist/package') } },
    })
    out = resolve(values.out)
    build(out)
  } catch (error) {
    console.error(`muster: error: ${(error as Error).message}`)
    process.exit(1)
  }
  const files = globSync('**/*', { cwd: out, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  const shown = relative(process.cwd(), out)
  console.log(`${shown}: ${files.length} files; \`npm pack ./${shown}\` packs it`)
}
