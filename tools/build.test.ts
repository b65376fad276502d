/**
 * Checks the published package after npm packed and unpacked it: it starts, and it contains exactly
 * the files that it loads.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runBytes } from '../cli/testing/run-bytes.ts'
import { VERSION } from '../shared/version.ts'
import { build } from './build.ts'
import { withoutComments } from './comments.ts'
import { importsOf, root } from './sources.ts'

let folder = ''
/** Returns the package's folder after `npm install`. */
let installed = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-build-'))
  build(join(folder, 'package'))
  const env = {
    ...process.env,
    npm_config_cache: join(folder, 'cache'),
    npm_config_update_notifier: 'false',
  }
  const [tarball = ''] = (
    JSON.parse(
      execFileSync('npm', ['pack', '--json', '--offline', './package'], {
        cwd: folder,
        env,
        encoding: 'utf8',
      }),
    ) as {
      filename: string
    }[]
  ).map(({ filename }) => filename)
  installed = join(folder, 'prefix/node_modules/muster-fleet')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, tarball), '-C', installed, '--strip-components=1'])
  // These are the packages that `npm install` would fetch.
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'))
  symlinkSync(join(installed, 'bin/muster.js'), join(folder, 'muster'))
})
after(() => rmSync(folder, { recursive: true }))

/** Returns the Node on the machine's path, which may be an old one. */
function systemNode(): string | undefined {
  const folders = (process.env.PATH ?? '').split(':').filter((entry) => !entry.startsWith(root))
  return folders.map((entry) => join(entry, 'node')).find((node) => existsSync(node))
}

test('package: muster starts through the link of npm, also with another Node', () => {
  for (const node of [process.execPath, systemNode()].filter((path) => path !== undefined)) {
    const run = (...args: string[]): string =>
      execFileSync(node, [join(folder, 'muster'), ...args], { cwd: folder, encoding: 'utf8' })
    assert.equal(run('version'), `${VERSION}\n`, node)
    assert.match(run('--help'), /Usage: muster NOUN VERB/)
    assert.match(run('doctor', '-q'), /blake3 kernel simd/)
  }
})

test('package: contains the files that it loads, no tests and no TypeScript', () => {
  const files = globSync('**/*', { cwd: installed, exclude: ['node_modules'] })
  assert.deepEqual(
    files.filter((file) => /\.ts$|\.test\.|(^|\/)(testing|e2e|bench|tools)(\/|$)/.test(file)),
    [],
  )
  for (const file of [
    'LICENSE',
    'README.md',
    'agent/runner/main.js',
    'shared/blake3/kernel.wasm',
    'bin/muster.js',
  ])
    assert.ok(files.includes(file), file)
  for (const file of files.filter((name) => name.endsWith('.js'))) {
    const code = withoutComments(readFileSync(join(installed, file), 'utf8'))
    for (const { specifier, file: target } of importsOf({ path: file, code })) {
      if (target !== undefined)
        assert.ok(existsSync(join(installed, target)), `${file} loads ${specifier}`)
    }
    // A path of a TypeScript file that is started or read must have the extension of the running
    // file (import.meta.filename).
    assert.doesNotMatch(code, /["'`]\.{1,2}\/[^"'`\s]*\.ts["'`]/, file)
  }
})

test('package: every loaded package is one of its dependencies', () => {
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const loaded = new Set<string>()
  for (const file of globSync('{agent,cli,coordinator,node,protocols,shared,fixtures}/**/*.js', {
    cwd: installed,
  })) {
    const code = withoutComments(readFileSync(join(installed, file), 'utf8'))
    for (const { package: name } of importsOf({ path: file, code }))
      if (name !== undefined) loaded.add(name)
  }
  assert.ok(loaded.has('commander'))
  assert.deepEqual([...loaded].filter((name) => dependencies[name] === undefined).sort(), [])
})

test('package: a build replaces an earlier one and rejects any other folder', () => {
  assert.throws(() => build(root), /expected an empty folder or an earlier build/)
  const other = join(folder, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'thesis.txt'), 'years of work')
  assert.throws(() => build(other), /other contains thesis\.txt/)
  assert.deepEqual(readdirSync(other), ['thesis.txt'])
  const stale = join(folder, 'package/stale.js')
  writeFileSync(stale, '')
  build(join(folder, 'package'))
  assert.equal(existsSync(stale), false)
})

/** Starts the package under an old Node, with `program` in place of the command line. */
function oldNode(name: string, program: string): { words: string[] } {
  const place = join(folder, name)
  const bundled = join(place, `node_modules/node-${process.platform}-${process.arch}`)
  for (const path of ['bin', 'cli']) mkdirSync(join(place, path), { recursive: true })
  mkdirSync(join(bundled, 'bin'), { recursive: true })
  writeFileSync(join(bundled, 'package.json'), '{}')
  symlinkSync(process.execPath, join(bundled, 'bin/node'))
  writeFileSync(join(place, 'package.json'), '{ "type": "module" }')
  for (const file of ['bin/muster.js', 'cli/early-interrupt.cjs'])
    copyFileSync(join(installed, file), join(place, file))
  writeFileSync(join(place, 'cli/main.js'), program)
  const older =
    'data:text/javascript,Object.defineProperty(process, "versions", { value: { node: "20.0.0" } })'
  return { words: ['--import', older, join(place, 'bin/muster.js')] }
}

test('package: under an old Node rejects or reports text that is not UTF-8', async () => {
  const { words } = oldNode('old-bytes', 'console.log(process.env.MUSTER_NOT_UTF8)\n')
  const latin1 = Buffer.from('caf\xe9', 'latin1')
  const refused = await runBytes([process.execPath, ...words, 'x', latin1])
  assert.deepEqual([refused.code, refused.stdout], [2, ''], refused.stderr)
  const named = await runBytes([process.execPath, ...words, 'x'], { env: { A_BAD: latin1 } })
  assert.deepEqual([named.code, named.stdout], [0, 'A_BAD\n'], named.stderr)
})

test('package: under an old Node passes on signals and the exit code', async () => {
  // This code replaces the listeners of cli/early-interrupt.cjs like the command line.
  const program =
    "for (const [i, s] of ['SIGINT', 'SIGTERM', 'SIGHUP'].entries()) " +
    'process.removeAllListeners(s).on(s, () => process.exit(41 + i))'
  const { words } = oldNode(
    'old-node',
    `${program}\nconsole.log('ready')\nprocess.stdin.resume()\n`,
  )
  for (const [signal, code] of [
    ['SIGINT', 41],
    ['SIGTERM', 42],
    ['SIGHUP', 43],
  ] as const) {
    // A separate session has no terminal, like under a service manager.
    const child = spawn(process.execPath, words, {
      stdio: 'pipe',
      detached: true,
    })
    await once(child.stdout, 'data')
    child.kill(signal)
    assert.deepEqual(await once(child, 'exit'), [code, null], signal)
  }
})
