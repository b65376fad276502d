/**
 * Creates a folder in which the real dnf, zypper and rpm work and don't change the machine: an
 * install root, caches, a home with rpm's macros. If a client is missing, the error names the
 * packages to install. These tests run only with `--clients`.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Answer {
  readonly status: number | null
  readonly stdout: string
  /** The output of both streams, for messages of failed assertions. */
  readonly said: string
}

export interface ClientRoot extends Disposable {
  /** The install root. */
  readonly root: string
  /** Configures dnf and zypper for a repository. By default without signature checks. */
  use(baseUrl: string, lines?: readonly string[]): void
  dnf(...args: readonly string[]): Answer
  zypper(...args: readonly string[]): Answer
  rpm(...args: readonly string[]): Answer
}

/** Runs a client to its end. Throws if it isn't installed. */
export function runClient(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Answer {
  const {
    status,
    stdout,
    stderr,
    error,
  }: { status: number | null; stdout: string; stderr: string; error?: NodeJS.ErrnoException } =
    spawnSync(program, args, {
      encoding: 'utf8',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', ...env },
      maxBuffer: 64 * 1024 * 1024,
    })
  if (error?.code === 'ENOENT')
    throw new Error(
      `${program} is not installed; on Debian: apt-get install dnf zypper rpm createrepo-c`,
    )
  if (error !== undefined) throw error
  return { status, stdout, said: `${program} ${args.join(' ')}\n${stdout}${stderr}` }
}

export function clientRoot(): ClientRoot {
  const folder = mkdtempSync(join(tmpdir(), 'muster-clients-'))
  const at = (name: string): string => join(folder, name)
  const root = at('root')
  const env = { HOME: at('home') }
  for (const path of [
    'home',
    'repos',
    'cache',
    'log',
    'root/tmp',
    'root/dev',
    'root/etc/zypp/repos.d',
  ])
    mkdirSync(at(path), { recursive: true })
  // Debian's rpm has its database in ~/.rpmdb by default.
  writeFileSync(at('home/.rpmmacros'), '%_dbpath /var/lib/rpm\n%_db_backend sqlite\n')
  const options = {
    reposdir: at('repos'),
    cachedir: at('cache'),
    logdir: at('log'),
    metadata_expire: '0',
    skip_if_unavailable: '0',
    plugins: '0',
    retries: '2',
  }
  const dnfOptions = Object.entries(options).map(([name, value]) => `--setopt=${name}=${value}`)
  return {
    root,
    use: (baseUrl, lines = ['gpgcheck=0']) => {
      const repository = [
        '[muster]',
        'name=Muster',
        `baseurl=${baseUrl}`,
        'enabled=1',
        ...lines,
        '',
      ].join('\n')
      writeFileSync(at('repos/muster.repo'), repository)
      writeFileSync(join(root, 'etc/zypp/repos.d/muster.repo'), `${repository}type=rpm-md\n`)
    },
    dnf: (...args) =>
      runClient(
        'dnf',
        ['-y', `--installroot=${root}`, '--releasever=9', ...dnfOptions, ...args],
        env,
      ),
    zypper: (...args) =>
      runClient('zypper', ['--root', root, '--non-interactive', ...args], {
        ...env,
        ZYPP_LOCKFILE_ROOT: root,
      }),
    rpm: (...args) => runClient('rpm', ['--root', root, ...args], env),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
