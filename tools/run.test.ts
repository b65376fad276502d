/**
 * Tests the launcher on a separate project with a loopback registry: first use, concurrent first
 * uses, a killed install, a changed lockfile, exit codes and signals. Also tests bin/muster from
 * any folder.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runBytes } from '../cli/testing/run-bytes.ts'
import { VERSION } from '../shared/version.ts'

const root = join(import.meta.dirname, '..')
const LATIN1 = Buffer.from('caf\xe9', 'latin1')
let folder = ''
let server: Server
let tarballs = 0
/** While it is set, tarball requests get no response. It is called with each request. */
let stall: ((response: ServerResponse) => void) | undefined

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Packs a package whose command prints its name, version and arguments. */
function pack(name: string, version: string): Buffer {
  const at = join(folder, `pack-${name}-${version}`)
  mkdirSync(join(at, 'package'), { recursive: true })
  writeFileSync(
    join(at, 'package/package.json'),
    JSON.stringify({ name, version, bin: { [name]: 'bin.js' } }),
  )
  writeFileSync(
    join(at, 'package/bin.js'),
    `console.log('${name} ${version}', ...process.argv.slice(2))\n`,
  )
  return execFileSync('tar', ['-czf', '-', '-C', at, 'package'])
}

/** The tarballs by `name-version`. */
const packages = new Map<string, Buffer>()
const integrity = (name: string, version: string): string =>
  `sha512-${createHash('sha512')
    .update(packages.get(`${name}-${version}`) as Buffer)
    .digest('base64')}`

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-run-'))
  for (const version of ['1.0.0', '2.0.0']) packages.set(`dep-${version}`, pack('dep', version))
  packages.set('tool-1.0.0', pack('tool', '1.0.0'))
  server = createServer((request, response) => {
    const tarball = /([^/]+)\.tgz$/.exec(request.url ?? '')?.[1]
    if (tarball !== undefined) {
      tarballs += 1
      if (stall !== undefined) return stall(response)
      response.end(packages.get(tarball))
      return
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(manifest((request.url ?? '').slice(1))))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
after(() => {
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true })
})

/** Returns the registry's response for a package. */
function manifest(name: string): object {
  const { port } = server.address() as AddressInfo
  const versions = [...packages.keys()]
    .filter((key) => key.startsWith(`${name}-`))
    .map((key) => {
      const version = key.slice(name.length + 1)
      const tarball = `http://127.0.0.1:${port}/${key}.tgz`
      const dist = { tarball, integrity: integrity(name, version) }
      return [version, { name, version, bin: { [name]: 'bin.js' }, dist }]
    })
  return { name, 'dist-tags': { latest: '1.0.0' }, versions: Object.fromEntries(versions) }
}

function lock(project: string, version: string): void {
  const needs = { dependencies: { dep: version }, devDependencies: { tool: '1.0.0' } }
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'p', version: '1.0.0', ...needs }),
  )
  const entry = (name: string, version: string) => ({
    version,
    integrity: integrity(name, version),
    bin: { [name]: 'bin.js' },
  })
  const packagesOf = {
    '': { name: 'p', version: '1.0.0', ...needs },
    'node_modules/dep': entry('dep', version),
    'node_modules/tool': { ...entry('tool', '1.0.0'), dev: true },
  }
  writeFileSync(
    join(project, 'package-lock.json'),
    JSON.stringify({
      name: 'p',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: packagesOf,
    }),
  )
}

function makeProject(name: string): string {
  const project = join(folder, name)
  mkdirSync(join(project, 'tools'), { recursive: true })
  copyFileSync(join(root, 'tools/run.mjs'), join(project, 'tools/run.mjs'))
  writeFileSync(join(project, '.npmrc'), 'ignore-scripts=true\n')
  mkdirSync(join(project, 'cli'))
  copyFileSync(join(root, 'cli/early-interrupt.cjs'), join(project, 'cli/early-interrupt.cjs'))
  writeFileSync(join(project, 'cli/main.ts'), "console.log('program')\n")
  writeFileSync(join(project, 'exit.mjs'), 'process.exit(Number(process.argv[2]))\n')
  writeFileSync(
    join(project, 'wait.mjs'),
    "process.on('SIGTERM', () => process.exit(7))\n" +
      "console.log('waiting')\nprocess.stdin.resume()\n",
  )
  lock(project, '1.0.0')
  return project
}

function launch(
  at: string | { project: string; execpath: string },
  ...args: string[]
): { ended: Promise<Ended>; kill: (signal: NodeJS.Signals) => void; printed: Promise<void> } {
  const { project, execpath } = typeof at === 'string' ? { project: at, execpath: '' } : at
  const env = {
    ...process.env,
    npm_config_registry: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    npm_config_cache: join(project, '.cache'),
    npm_execpath: execpath,
  }
  const child = spawn(process.execPath, [join(project, 'tools/run.mjs'), ...args], {
    cwd: folder,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  const printed = Promise.withResolvers<void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    printed.resolve()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  )
  return { ended, printed: printed.promise, kill: (signal) => child.kill(signal) }
}

test('launcher: installs at the first use and after a change of the lockfile', async () => {
  const project = makeProject('first')
  mkdirSync(join(project, '.install-999999999'))
  const first = await launch(project, 'dep', 'a', 'b').ended
  assert.deepEqual([first.code, first.stdout], [0, 'dep 1.0.0 a b\n'], first.stderr)
  assert.match(first.stderr, /^Installing dependencies from package-lock\.json \(/)
  assert.deepEqual(
    readdirSync(project).filter((name) => name.startsWith('.install')),
    [],
    'nor the remains of a killed install',
  )
  const second = await launch(project, 'dep').ended
  assert.deepEqual([second.code, second.stdout, second.stderr], [0, 'dep 1.0.0\n', ''])
  // A checkout gives the lockfile a new time, but only its contents are compared.
  writeFileSync(
    join(project, 'package-lock.json'),
    readFileSync(join(project, 'package-lock.json')),
  )
  assert.equal((await launch(project, 'dep').ended).stderr, '')
  lock(project, '2.0.0')
  assert.equal((await launch(project, 'dep').ended).stdout, 'dep 2.0.0\n')
})

test('launcher: installs development packages only for other scripts', async () => {
  const project = makeProject('light')
  const installed = (): string[] =>
    readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'))
  const program = await launch(project, 'cli/main.ts').ended
  assert.deepEqual([program.code, program.stdout], [0, 'program\n'], program.stderr)
  assert.match(program.stderr, /about \d+ MB to download, \d+ MB on disk/)
  assert.deepEqual(installed(), ['dep'])
  assert.equal((await launch(project, 'cli/main.ts').ended).stderr, '')
  const tool = await launch(project, 'tool').ended
  assert.equal(tool.stdout, 'tool 1.0.0\n', tool.stderr)
  assert.deepEqual(installed(), ['dep', 'tool'])
  for (const what of ['cli/main.ts', 'tool'])
    assert.equal((await launch(project, what).ended).stderr, '', `${what}: nothing to install`)
})

test('launcher: two concurrent first uses both work and leave one node_modules', async () => {
  const project = makeProject('twice')
  const before = tarballs
  const results = await Promise.all([launch(project, 'dep').ended, launch(project, 'dep').ended])
  for (const { code, stdout, stderr } of results)
    assert.deepEqual([code, stdout], [0, 'dep 1.0.0\n'], stderr)
  assert.ok(tarballs > before)
  assert.deepEqual(
    readdirSync(project).filter((name) => name.startsWith('.install')),
    [],
  )
  assert.ok(existsSync(join(project, 'node_modules/.package-lock.json')))
})

test('launcher: passes on exit codes and signals', async () => {
  const project = makeProject('signals')
  assert.equal((await launch(project, 'exit.mjs', '5').ended).code, 5)
  const waiting = launch(project, 'wait.mjs')
  await waiting.printed
  waiting.kill('SIGTERM')
  assert.equal((await waiting.ended).code, 7)
})

test('launcher: rejects arguments and reports variables that are not UTF-8', async () => {
  const project = makeProject('bytes')
  await launch(project, 'dep').ended
  writeFileSync(join(project, 'note.mjs'), 'console.log(process.env.MUSTER_NOT_UTF8)\n')
  const words = (...more: (string | Buffer)[]): (string | Buffer)[] => [
    process.execPath,
    join(project, 'tools/run.mjs'),
    'note.mjs',
    ...more,
  ]
  const refused = await runBytes(words('x', LATIN1))
  assert.deepEqual([refused.code, refused.stdout], [2, ''])
  assert.match(refused.stderr, /^muster: error: an argument is not valid UTF-8; nothing was done/)
  const typed = await runBytes(words('caf\uFFFD'), { env: { A_BAD: LATIN1, B_OK: '\uFFFD' } })
  assert.deepEqual([typed.code, typed.stdout], [0, 'A_BAD\n'], typed.stderr)
})

test('launcher: a failed install prints a hint and leaves nothing', async () => {
  const project = makeProject('broken')
  const broken = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string }>
  }
  Object.assign(broken.packages['node_modules/dep'] as object, {
    integrity: `sha512-${'A'.repeat(86)}==`,
  })
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify(broken))
  const { code, stderr } = await launch(project, 'dep').ended
  assert.equal(code, 69)
  assert.match(stderr, /muster: error: `npm ci` failed.*\nmuster: hint: check the network/)
  assert.deepEqual(
    readdirSync(project).filter((name) => name.startsWith('.install') || name === 'node_modules'),
    [],
  )
})

test('launcher: a signal during an install also ends npm and leaves nothing', async () => {
  const project = makeProject('interrupted')
  const asked = Promise.withResolvers<ServerResponse>()
  stall = asked.resolve
  try {
    const launched = launch(project, 'dep')
    const response = await asked.promise
    const gone = once(response, 'close')
    launched.kill('SIGTERM')
    assert.equal((await launched.ended).code, 143)
    await gone
  } finally {
    stall = undefined
  }
  assert.deepEqual(
    readdirSync(project).filter((name) => name.startsWith('.install') || name === 'node_modules'),
    [],
  )
  assert.equal((await launch(project, 'dep').ended).stdout, 'dep 1.0.0\n')
})

test('launcher: does not use another package manager that started us', async () => {
  const project = makeProject('yarn')
  writeFileSync(join(project, 'yarn.js'), 'process.exit(1)\n')
  const { code, stdout, stderr } = await launch(
    { project, execpath: join(project, 'yarn.js') },
    'dep',
  ).ended
  assert.deepEqual([code, stdout], [0, 'dep 1.0.0\n'], stderr)
})

test('launcher: a name that is neither a script nor a package is an error', async () => {
  const project = makeProject('nothing')
  const { code, stderr } = await launch(project, 'nosuchtool').ended
  assert.equal(code, 69)
  assert.match(
    stderr,
    /muster: error: nosuchtool is neither a script of this project nor an installed package/,
  )
})

test('bin/muster: runs from any folder, through any kind of symbolic link', () => {
  const links = join(folder, 'links')
  mkdirSync(join(links, 'deep'), { recursive: true })
  symlinkSync(join(root, 'bin/muster'), join(links, 'absolute'))
  symlinkSync('../absolute', join(links, 'deep/chained'))
  for (const program of [
    join(root, 'bin/muster'),
    join(links, 'absolute'),
    './deep/chained',
    '../links/deep/chained',
  ]) {
    assert.equal(
      execFileSync(program, ['version'], { cwd: links, encoding: 'utf8' }),
      `${VERSION}\n`,
      program,
    )
  }
  const onPath = execFileSync('sh', ['-c', 'absolute version'], {
    cwd: '/',
    encoding: 'utf8',
    env: { ...process.env, PATH: `${links}:${process.env.PATH}`, CDPATH: '/tmp' },
  })
  assert.equal(onPath, `${VERSION}\n`)
})

/** Returns the bytes on the disk of a package, without nested packages. */
function sizeOf(path: string): number {
  let bytes = 0
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue
    const at = join(path, entry.name)
    bytes += entry.isDirectory() ? sizeOf(at) : lstatSync(at).blocks * 512
  }
  return bytes
}

test('launcher: the printed sizes match the installed packages', {
  skip: process.arch !== 'x64' && 'the sizes are those of linux-x64',
}, () => {
  const text = readFileSync(join(root, 'tools/run.mjs'), 'utf8')
  const program = /program: \{ download: \d+, disk: (\d+) \}/.exec(text)?.[1]
  const all = /all: \{ download: \d+, disk: (\d+) \}/.exec(text)?.[1]
  const { packages } = JSON.parse(
    readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8'),
  ) as { packages: Record<string, { dev?: boolean; devOptional?: boolean }> }
  const disk = { program: 0, all: 0 }
  for (const [key, entry] of Object.entries(packages)) {
    const bytes = sizeOf(join(root, key))
    disk.all += bytes
    if (entry.dev !== true && entry.devOptional !== true) disk.program += bytes
  }
  for (const [given, real] of [
    [Number(program), disk.program],
    [Number(all), disk.all],
  ] as const)
    assert.ok(Math.abs(given / (real / 1e6) - 1) < 0.15, `printed ${given} MB, got ${real / 1e6}`)
})

test('the version in the code equals that of the package', () => {
  assert.equal(
    (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
    VERSION,
  )
})
