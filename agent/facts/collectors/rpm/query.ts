/**
 * Runs rpm to list the installed packages. It is used for databases that only rpm can read
 * (Berkeley DB, ndb), and if the agent failed to read a SQLite database.
 */
import { readdir } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { execa } from 'execa'
import { defined } from '../../../../shared/defined.ts'
import { factPackage } from '../../../../shared/facts/package-set.ts'
import type { FactPackage } from '../../../../shared/facts/package-set.ts'
import { KIB, MIB } from '../../../../shared/units.ts'
import type { BadRecord } from '../collector.ts'
import { collectorError } from '../errors.ts'
import type { RpmList } from './list.ts'

/** Package names don't contain these control characters. If a name does, the output is rejected. */
const FIELD_END = '\x1f'
const RECORD_END = '\x1e'
const FIELDS = ['%{NAME}', '%{EPOCHNUM}', '%{VERSION}', '%{RELEASE}', '%|ARCH?{%{ARCH}}:{}|']
/** `rpm -qa` takes two seconds on a large host, and half a minute on a slow disk. */
const TIMEOUT_MS = 120_000
/** A package has some sixty bytes. The largest hosts have ten thousand packages. */
const MAX_OUTPUT_BYTES = 8 * MIB
const MAX_REASON = 200
/** rpm prints a warning of some hundred bytes for each missing index. */
const MAX_ERROR_BYTES = 64 * KIB

/**
 * Lists the packages of a database.
 * @param options.program rpm: an absolute path, or a name on the PATH of the system
 * @param options.folder a private copy of the database, because rpm may write in it
 * @param options.shown the folder for errors
 * @throws facts.rpm if rpm is absent, fails, takes too long, prints another form, or can't read
 * databases of this kind
 */
export async function queryRpm(
  options: { program: string; folder: string; shown?: string },
  signal?: AbortSignal,
): Promise<RpmList> {
  const { folder, shown = folder } = options
  const before = await readdir(folder)
  const format = FIELDS.join(FIELD_END) + RECORD_END
  const child = startRpm(options.program, ['--dbpath', folder, '-qa', '--qf', format], signal)
  const stdout = firstBytes(child.stdout, MAX_OUTPUT_BYTES, () => child.kill())
  const stderr = firstBytes(child.stderr, MAX_ERROR_BYTES, () => undefined)
  const result = await child
  signal?.throwIfAborted()
  const fail = (reason: string): Error =>
    collectorError('facts.rpm', { folder: shown, reason }, { cause: result.cause })
  const failure = failureOf(result, { stdout, stderr })
  if (failure !== undefined) throw fail(failure)
  const errors = stderr.bytes().toString('utf8')
  const packages = parseOutput(stdout.bytes().toString('utf8'), fail)
  const bad = skipped(errors)
  // After any other error, the list may be incomplete.
  const error = errors.match(/^error: .*/gm)?.find((line) => !SKIPPED.test(line))
  if (error !== undefined) throw fail(error.slice(0, MAX_REASON))
  if (packages.length > 0) return { packages, bad }
  // An rpm that doesn't support this kind of database creates an empty database of another kind.
  const made = (await readdir(folder)).filter((name) => !before.includes(name))
  if (made.includes(OWN_DATABASE) || /dummy database/.test(errors))
    throw fail(`this rpm doesn't read databases of this kind (${before.sort().join(', ')})`)
  return { packages, bad }
}

function startRpm(program: string, args: readonly string[], signal: AbortSignal | undefined) {
  return execa(program, args, {
    reject: false,
    stdin: 'ignore',
    // execa would escape the whole buffered output for its error, which takes seconds.
    buffer: false,
    // rpm gets no variables of the agent and reads no ~/.rpmmacros.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/nonexistent' },
    extendEnv: false,
    cwd: '/',
    timeout: TIMEOUT_MS,
    ...defined({ cancelSignal: signal }),
  })
}

/** Returns the reason why rpm failed, or undefined if it succeeded. */
function failureOf(
  result: Awaited<ReturnType<typeof startRpm>>,
  { stdout, stderr }: { readonly stdout: FirstBytes; readonly stderr: FirstBytes },
): string | undefined {
  if (result.timedOut) return `it took longer than ${TIMEOUT_MS / 1000} s`
  if (stdout.isMore) return `it printed more than ${MAX_OUTPUT_BYTES} bytes`
  if (result.exitCode === 0) return undefined
  if (result.code === 'ENOENT') return 'there is no rpm on this host'
  const how = result.code ?? `exit code ${result.exitCode ?? result.signal}`
  return `${how} ${firstLine(stderr.bytes())}`.trim()
}

/** rpm skips a record that it can't read, with an error and exit code 0. */
const SKIPPED = /^error: .*(?:skipping h#\s*(\d+)|damaged header #(\d+) retrieved -- skipping)(.*)/

function skipped(errors: string): BadRecord[] {
  return errors.split('\n').flatMap((line) => {
    const match = SKIPPED.exec(line)
    if (match === null) return []
    const why = (match[3] ?? '').trim().slice(0, MAX_REASON)
    const words = `record ${match[1] ?? match[2]} can't be read`
    return [{ name: undefined, reason: why === '' ? words : `${words}: ${why}` }]
  })
}

/** The file that rpm creates if it finds no database of a supported kind. */
const OWN_DATABASE = 'rpmdb.sqlite'

function firstLine(bytes: Buffer): string {
  const lines = bytes.toString('utf8').split('\n')
  // The reason follows the warnings.
  const line = lines.find((one) => one.startsWith('error:')) ?? lines[0] ?? ''
  return line.slice(0, MAX_REASON)
}

interface FirstBytes {
  bytes(): Buffer
  isMore: boolean
}

/** Reads a stream to its end, keeps at most `max` bytes, and calls `onMore` if there are more. */
function firstBytes(stream: Readable, max: number, onMore: () => void): FirstBytes {
  const chunks: Buffer[] = []
  let size = 0
  const kept = { bytes: () => Buffer.concat(chunks), isMore: false }
  stream.on('data', (chunk: Buffer) => {
    const room = max - size
    if (room > 0) chunks.push(chunk.subarray(0, room))
    size += chunk.length
    if (size <= max || kept.isMore) return
    kept.isMore = true
    onMore()
  })
  return kept
}

function parseOutput(text: string, fail: (reason: string) => Error): FactPackage[] {
  const records = text.split(RECORD_END)
  if (records.pop() !== '') throw fail('its output is cut short')
  return records.map((record) => {
    const [name = '', epoch = '', version, release, arch, ...more] = record.split(FIELD_END)
    if (arch === undefined || more.length > 0 || name === '' || !/^\d{1,10}$/.test(epoch))
      throw fail(
        `it lists a package in another form: ${JSON.stringify(record.slice(0, MAX_REASON))}`,
      )
    return factPackage('rpm', name, arch, `${epoch}:${version}-${release}`)
  })
}
