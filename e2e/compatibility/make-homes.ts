/**
 * Makes an archive with the homes of an older version, for the tests of this folder. It runs the
 * program of the older clone. All keys in the archive were made for it and are used nowhere else.
 * It needs root and Debian with rpm, because each agent gets its own package databases.
 *
 * usage: node e2e/compatibility/make-homes.ts CLONE ARCHIVE.tar.gz
 */
import { spawnSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { writeRepository } from '../../fixtures/rpm/repository.ts'
import type { PackageSpec } from '../../fixtures/rpm/spec.ts'
import { systemClock } from '../../shared/clock.ts'
import {
  type Daemon,
  type Fleet,
  openFleet,
  owned,
  serveFolder,
  temporaryFolder,
  within,
} from '../testing/fleet.ts'
import { shiftClock } from '../testing/shift-clock.ts'

const [clone = '', archive = ''] = process.argv.slice(2)
const program = resolve(clone, 'bin/muster')

const tide = (version: string): PackageSpec => ({
  name: 'tide',
  version,
  release: '1',
  files: [{ path: '/usr/bin/tide', content: `#!/bin/sh\necho ${version}\n`, mode: 0o755 }],
})
const quay: PackageSpec = { name: 'quay', version: '3', release: '2.el9', epoch: 1 }
const REVISION = 1_700_000_000

/** The records of web-1's dpkg. */
const dpkg = (version: string): string =>
  [
    ['base-files', '12.4+deb12u5'],
    ['openssl', version],
  ]
    .map(
      ([name, each]) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\n` +
        `Maintainer: Muster fixtures <fixtures@muster.invalid>\nVersion: ${each}\nDescription: x\n`,
    )
    .join('\n')

function execute(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout.trim()
}

/** Returns a program that gives the agent `name` its own /var/lib, system release and host name. */
async function host(fleet: Fleet, name: string): Promise<readonly string[]> {
  const lib = fleet.path('hosts', name)
  await mkdir(join(lib, 'dpkg', 'updates'), { recursive: true })
  const release = join(lib, 'os-release')
  await writeFile(release, 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n')
  const script = [
    `hostname ${name}`,
    `mount --bind ${release} /usr/lib/os-release`,
    `mount --bind ${lib} /var/lib`,
    'exec "$@"',
  ]
  return ['unshare', '--mount', '--uts', 'sh', '-ec', script.join('\n'), 'sh']
}

/** The commands whose output the tests compare. */
const COMMANDS: readonly (readonly string[])[] = [
  ['status'],
  ['agent', 'list'],
  ['agent', 'show', 'web-1'],
  ['agent', 'show', 'db-1'],
  ['facts', 'show', 'web-1'],
  ['facts', 'show', 'db-1'],
  ['facts', 'history', 'web-1'],
  ['package', 'find', 'openssl'],
  ['package', 'find', 'tide'],
  ['repo', 'list'],
  ['repo', 'show', '--repo-id', 'harbour'],
  ['snapshot', 'list'],
  ['snapshot', 'diff', '--from', 'first', '--to', 'second'],
  ['grant', 'list'],
  ['audit', 'log'],
  ['process', 'list', '--all'],
  ['config', 'show'],
]

/** Writes each output to a file with the name of its command. */
async function record(fleet: Fleet): Promise<void> {
  await mkdir(fleet.path('outputs'), { recursive: true })
  for (const words of COMMANDS) {
    const name = `${words.join(' ').replaceAll('/', '_')}.json`
    await writeFile(fleet.path('outputs', name), `${await fleet.ok([...words, '-o', 'json'])}\n`)
  }
}

async function mirror(fleet: Fleet): Promise<void> {
  await fleet.ok(['repo', 'sync', '--repo-id', 'harbour'])
  await fleet.ok(['snapshot', 'create', '--repo-id', 'harbour', '--name', 'first'])
  await writeRepository(fleet.path('upstream'), [tide('1.0'), tide('1.1'), quay], {
    revision: REVISION + 100,
  })
  await fleet.ok(['repo', 'sync', '--repo-id', 'harbour'])
  await fleet.ok(['snapshot', 'create', '--repo-id', 'harbour', '--name', 'second'])
  // `latest` stays at the first snapshot.
  await fleet.ok(['repo', 'publish', '--repo-id', 'harbour', '--snapshot', 'first'])
}

/** Creates two hosts: web-1 with dpkg, db-1 with rpm. A package of web-1 is updated. */
async function hosts(fleet: Fleet) {
  const debian = await host(fleet, 'web-1')
  await writeFile(fleet.path('hosts', 'web-1', 'dpkg', 'status'), dpkg('3.0.11-1~deb12u2'))
  const redhat = await host(fleet, 'db-1')
  const database = fleet.path('hosts', 'db-1', 'rpm')
  const packages = fleet.path('upstream', 'Packages')
  execute(
    'rpm',
    '--define=_db_backend sqlite',
    ...`--dbpath ${database} --install --justdb --nodeps`.split(' '),
    join(packages, 't', 'tide-1.0-1.noarch.rpm'),
    join(packages, 'q', 'quay-3-2.el9.noarch.rpm'),
  )
  const web = await fleet.agent('web-1', ['role=web'], debian)
  const db = await fleet.agent('db-1', ['role=db'], redhat)
  const found = async (name: string, text: string): Promise<boolean> =>
    (await fleet.muster(['package', 'find', name])).stdout.includes(text)
  await within(() => found('openssl', '3.0.11-1~deb12u2'), 'the facts of web-1')
  await within(() => found('quay', 'db-1'), 'the facts of db-1')
  await writeFile(fleet.path('hosts', 'web-1', 'dpkg', 'status'), dpkg('3.0.14-1~deb12u1'))
  await within(() => found('openssl', '3.0.14-1~deb12u1'), 'the update of web-1')
  return { web, db, debian, redhat }
}

async function runs(fleet: Fleet): Promise<void> {
  await fleet.muster([
    'run',
    '--on',
    'web-1',
    '--name',
    'three',
    '--',
    'sh',
    '-c',
    'echo 3; exit 3',
  ])
  await fleet.ok(['run', '--on', 'db-1', '--', 'echo', 'from db-1'])
  await fleet.ok(['agent', 'label', 'db-1', 'site=ber'])
  await fleet.ok(['blob', 'add', fleet.path('note')])
  await fleet.key('alice')
  const grant = ['grant', 'add', '--to', fleet.path('alice.pub'), '--namespace', 'run']
  await fleet.ok([...grant, '--level', 'observe', '--on', 'role=web', '--ttl', '3000d'])
}

/** Records a refused intent. The host's clock is an hour ahead, so the intent has expired there. */
async function refuse(fleet: Fleet, through: readonly string[]): Promise<void> {
  const env = await shiftClock(fleet.path('ahead.mjs'), 3_600_000)
  const db = await fleet.start(
    'db-1',
    ['agent', 'run'],
    [...through, 'env', ...Object.entries(env).map((each) => each.join('='))],
  )
  const refused = await fleet.muster(['run', '--on', 'db-1', '--name', 'refused', '--', 'true'])
  if (refused.code === 0) throw new Error('db-1 did not refuse the run')
  await db.stop()
  await rm(fleet.path('ahead.mjs'))
}

/**
 * Creates a coordinator, which serves version 1 of a repository with two versions, and its
 * configuration.
 */
async function found(fleet: Fleet): Promise<Daemon> {
  await fleet.key('operator')
  await fleet.ok(['init', '--fleet', 'old'])
  await fleet.configure(
    'coordinator',
    '00-listen.yaml',
    'listen: ["/ip4/127.0.0.1/tcp/0"]\nhttp: { listen: "127.0.0.1:0" }\n',
  )
  // In the tests, the upstream has another port.
  await fleet.configure(
    'coordinator',
    '10-harbour.yaml',
    'name: harbour\ntype: rpm\nupstream: { url: "${UPSTREAM}" }\n',
  )
  return fleet.coordinator()
}

/**
 * Records a ticket, a token and a context of the operator, an exported log, and the output of
 * commands.
 */
async function keep(fleet: Fleet): Promise<void> {
  const ticket = await fleet.ok(['ticket'])
  await writeFile(fleet.path('ticket'), `${ticket}\n`)
  await fleet.ok(['context', 'add', 'old', ticket])
  const token = await fleet.ok(['enroll', 'token', '--approve', '--ttl', '1h'])
  await writeFile(fleet.path('token'), `${token}\n`)
  await fleet.ok(['audit', 'export', '--to', fleet.path('bundle')])
  await record(fleet)
}

/** Kills the coordinator while it can't send an intent to web-1, which doesn't respond. */
async function leaveOpen(fleet: Fleet, coordinator: Daemon, web: Daemon): Promise<void> {
  process.kill(web.pid, 'SIGSTOP')
  const open = fleet.muster(['process', 'start', '--on', 'web-1', '--name', 'open', '--', 'true'])
  await within(
    async () => (await fleet.ok(['audit', 'log', '-o', 'json'])).includes('"open"'),
    'the open intent',
  )
  await coordinator.stop('SIGKILL')
  process.kill(web.pid, 'SIGCONT')
  await open
  await web.stop()
}

/**
 * Records the bytes that an agent sends for its facts, as the file `frames/push`. The homes don't
 * change.
 */
async function recordPush(fleet: Fleet, debian: readonly string[]): Promise<void> {
  const frames = fleet.path('frames')
  const [kept, recorder] = [fleet.path('kept'), fleet.path('recorder.mjs')]
  await mkdir(frames)
  await mkdir(kept)
  const homes = [fleet.path('coordinator'), fleet.path('web-1')]
  execute('cp', '-a', ...homes, kept)
  await writeFile(
    recorder,
    `import { appendFileSync } from 'node:fs'
    import { registerHooks } from 'node:module'
    globalThis.recorded = (protocol, duplex) => protocol.name !== 'facts' ? duplex : {
      source: duplex.source,
      close: () => duplex.close(),
      abort: (reason) => duplex.abort(reason),
      write(...chunks) {
        for (const chunk of chunks) appendFileSync('${join(frames, 'push')}', chunk)
        return duplex.write(...chunks)
      },
    }
    registerHooks({
      load(url, context, next) {
        const loaded = next(url, context)
        if (!url.endsWith('/protocols/call.ts')) return loaded
        const source = String(loaded.source).replace(
          'createChannel(deps, duplex,',
          'createChannel(deps, globalThis.recorded(protocol, duplex),',
        )
        return { ...loaded, source }
      },
    })`,
  )
  const coordinator = await fleet.coordinator()
  await fleet.ok(['agent', 'join', await fleet.ok(['ticket'])], { home: 'web-1' })
  await writeFile(fleet.path('hosts', 'web-1', 'dpkg', 'status'), dpkg('3.0.15-1~deb12u1'))
  const [shell, ...words] = [...debian, program, 'agent', 'facts', '--once']
  const env = { NODE_OPTIONS: `--import=${recorder}` }
  const { status, stderr } = spawnSync(shell, words, {
    env: fleet.environment({ home: 'web-1', env }),
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  await coordinator.stop()
  execute('rm', '-r', recorder, ...homes)
  execute('mv', join(kept, 'coordinator'), join(kept, 'web-1'), fleet.folder)
  execute('rmdir', kept)
}

async function makeHomes(folder: string): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const upstream = join(folder, 'upstream')
  await writeRepository(upstream, [tide('1.0'), quay], { revision: REVISION })
  const url = await serveFolder(stack, upstream)
  const fleet = openFleet(stack, {
    folder,
    upstream: url,
    program,
    env: { UPSTREAM: url, PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  })
  await writeFile(fleet.path('note'), 'a blob of an operator\n')
  const coordinator = await found(fleet)
  await mirror(fleet)
  const { web, db, debian, redhat } = await hosts(fleet)
  await runs(fleet)
  await db.stop()
  await refuse(fleet, redhat)
  await keep(fleet)
  await leaveOpen(fleet, coordinator, web)
  await recordPush(fleet, debian)
}

await owned(async (stack) => {
  const folder = await temporaryFolder(stack)
  await makeHomes(folder)
  const made = {
    commit: execute('git', '-C', clone, 'rev-parse', '--short', 'HEAD'),
    at: systemClock.now(),
    folder,
  }
  await writeFile(join(folder, 'made.json'), `${JSON.stringify(made)}\n`)
  // The archive has no sockets, logs, locks, caches and package databases.
  const names = ['./*.log', './hosts', './*/run/*', '*.db-shm']
  const excluded = names.map((name) => `--exclude=${name}`)
  execute(
    'tar',
    ...excluded,
    ...`--owner=0 --group=0 --numeric-owner --directory ${folder} -czf ${archive} .`.split(' '),
  )
  await stack.disposeAsync()
})
