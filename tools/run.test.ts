/**
 * The launcher on a project of its own, with a registry of its own on the loopback: first use, two
 * at once, a killed install, a changed lockfile, exit codes and signals. And bin/muster from any
 * folder.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
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
/** While it is there, tarballs are asked for and never come; called with each request. */
let stall: ((response: ServerResponse) => void) | undefined

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Packs a package that says its version when it is run. */
function pack(version: string): Buffer {
  const at = join(folder, `pack-${version}`)
  mkdirSync(join(at, 'package'), { recursive: true })
  writeFileSync(
    join(at, 'package/package.json'),
    JSON.stringify({ name: 'dep', version, bin: { dep: 'dep.js' } }),
  )
  writeFileSync(
    join(at, 'package/dep.js'),
    `console.log('dep ${version}', ...process.argv.slice(2))\n`,
  )
  return execFileSync('tar', ['-czf', '-', '-C', at, 'package'])
}

const packages = new Map<string, Buffer>()
const integrity = (version: string): string =>
  `sha512-${createHash('sha512')
    .update(packages.get(version) as Buffer)
    .digest('base64')}`

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-run-'))
  for (const version of ['1.0.0', '2.0.0']) packages.set(version, pack(version))
  server = createServer((request, response) => {
    const version = /dep-(.+)\.tgz$/.exec(request.url ?? '')?.[1]
    if (version !== undefined) {
      tarballs += 1
      if (stall !== undefined) return stall(response)
      response.end(packages.get(version))
      return
    }
    const { port } = server.address() as AddressInfo
    const versions = [...packages.keys()].map((v) => [
      v,
      {
        name: 'dep',
        version: v,
        bin: { dep: 'dep.js' },
        dist: { tarball: `http://127.0.0.1:${port}/dep-${v}.tgz`, integrity: integrity(v) },
      },
    ])
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        name: 'dep',
        'dist-tags': { latest: '1.0.0' },
        versions: Object.fromEntries(versions),
      }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
after(() => {
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true })
})

function lock(project: string, version: string): void {
  const dependencies = { dep: version }
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'p', version: '1.0.0', dependencies }),
  )
  const packagesOf = {
    '': { name: 'p', version: '1.0.0', dependencies },
    'node_modules/dep': { version, integrity: integrity(version), bin: { dep: 'dep.js' } },
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
  writeFileSync(join(project, 'exit.mjs'), 'process.exit(Number(process.argv[2]))\n')
  writeFileSync(
    join(project, 'wait.mjs'),
    "process.on('SIGTERM', () => process.exit(7)); console.log('waiting'); process.stdin.resume()\n",
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

test('launcher: the first use installs, the second does not, a changed lockfile installs again', async () => {
  const project = makeProject('first')
  mkdirSync(join(project, '.install-999999999'))
  const first = await launch(project, 'dep', 'a', 'b').ended
  assert.deepEqual([first.code, first.stdout], [0, 'dep 1.0.0 a b\n'], first.stderr)
  assert.match(first.stderr, /^Installing dependencies from package-lock\.json/)
  assert.deepEqual(
    readdirSync(project).filter((name) => name.startsWith('.install')),
    [],
    'nor what a killed install left',
  )
  const second = await launch(project, 'dep').ended
  assert.deepEqual([second.code, second.stdout, second.stderr], [0, 'dep 1.0.0\n', ''])
  // A checkout gives the lockfile a new time; only its contents count.
  writeFileSync(
    join(project, 'package-lock.json'),
    readFileSync(join(project, 'package-lock.json')),
  )
  assert.equal((await launch(project, 'dep').ended).stderr, '')
  lock(project, '2.0.0')
  assert.equal((await launch(project, 'dep').ended).stdout, 'dep 2.0.0\n')
})

test('launcher: two first uses at once both work and leave one whole node_modules', async () => {
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

test('launcher: exit codes and signals are passed on', async () => {
  const project = makeProject('signals')
  assert.equal((await launch(project, 'exit.mjs', '5').ended).code, 5)
  const waiting = launch(project, 'wait.mjs')
  await waiting.printed
  waiting.kill('SIGTERM')
  assert.equal((await waiting.ended).code, 7)
})

test('launcher: an argument that is not UTF-8 is refused, a variable that is not is named to the program', async () => {
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

test('launcher: a failed install says what to do and leaves nothing', async () => {
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

test('launcher: a signal in mid-install ends npm as well and leaves nothing', async () => {
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

test('launcher: another package manager that starts us is not asked to install', async () => {
  const project = makeProject('yarn')
  writeFileSync(join(project, 'yarn.js'), 'process.exit(1)\n')
  const { code, stdout, stderr } = await launch(
    { project, execpath: join(project, 'yarn.js') },
    'dep',
  ).ended
  assert.deepEqual([code, stdout], [0, 'dep 1.0.0\n'], stderr)
})

test('launcher: what is neither a script nor a package is an error that says so', async () => {
  const project = makeProject('nothing')
  const { code, stderr } = await launch(project, 'nosuchtool').ended
  assert.equal(code, 69)
  assert.match(
    stderr,
    /muster: error: nosuchtool is neither a script of this project nor an installed package/,
  )
})

test('bin/muster: runs from any folder, through absolute, relative and chained symbolic links', () => {
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

test('the version in the code is that of the package', () => {
  assert.equal(
    (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
    VERSION,
  )
})
