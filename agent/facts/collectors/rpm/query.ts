/**
 * Asks rpm itself for the installed packages: for databases that only rpm can read (Berkeley DB,
 * ndb), or that we couldn't.
 */
import { readdir } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { execa } from 'execa'
import { factPackage } from '../../../../shared/facts/package-set.ts'
import type { FactPackage } from '../../../../shared/facts/package-set.ts'
import { KIB, MIB } from '../../../../shared/units.ts'
import type { BadRecord } from '../collector.ts'
import { collectorError } from '../errors.ts'
import type { RpmList } from './list.ts'

/**
 * Control characters that no package name has; a name that has them breaks its record, and the
 * answer is refused.
 */
const FIELD_END = '\x1f'
const RECORD_END = '\x1e'
const FIELDS = ['%{NAME}', '%{EPOCHNUM}', '%{VERSION}', '%{RELEASE}', '%|ARCH?{%{ARCH}}:{}|']
/**
 * `rpm -qa` of a large host takes two seconds; on a slow disk, with a cold cache, half a minute.
 */
const TIMEOUT_MS = 120_000
/** Some sixty bytes a package; the largest hosts have ten thousand. */
const MAX_OUTPUT_BYTES = 8 * MIB
const MAX_REASON = 200
/** Warnings about each index that isn't there, some hundred bytes each. */
const MAX_ERROR_BYTES = 64 * KIB

/**
 * @param options.program rpm, found on the fixed PATH of system programs unless it is an absolute
 * path
 * @param options.folder the folder of a private copy of the database: rpm may write in it
 * @param options.shown the folder that errors name
 * @throws facts.rpm if rpm is absent, fails, takes too long, answers in another form, or doesn't
 * read databases of this kind
 */
export async function queryRpm(
  options: { program: string; folder: string; shown?: string },
  signal?: AbortSignal,
): Promise<RpmList> {
  const { folder, shown = folder } = options
  const before = await readdir(folder)
  const format = FIELDS.join(FIELD_END) + RECORD_END
  const child = execa(options.program, ['--dbpath', folder, '-qa', '--qf', format], {
    reject: false,
    stdin: 'ignore',
    // Collected below: execa would put all that it buffered into its error, escaped, and that takes
    // seconds.
    buffer: false,
    // Nothing of our own environment; a home that isn't there, so that no ~/.rpmmacros speaks.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/nonexistent' },
    extendEnv: false,
    cwd: '/',
    timeout: TIMEOUT_MS,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
  const stdout = firstBytes(child.stdout, MAX_OUTPUT_BYTES, () => child.kill())
  const stderr = firstBytes(child.stderr, MAX_ERROR_BYTES, () => undefined)
  const result = await child
  signal?.throwIfAborted()
  const fail = (reason: string): Error =>
    collectorError('facts.rpm', { folder: shown, reason }, { cause: result.cause })
  if (result.timedOut) throw fail(`it took longer than ${TIMEOUT_MS / 1000} s`)
  if (stdout.isMore) throw fail(`it printed more than ${MAX_OUTPUT_BYTES} bytes`)
  if (result.exitCode !== 0) {
    const said = firstLine(stderr.bytes())
    throw fail(
      result.code === 'ENOENT'
        ? 'there is no rpm on this host'
        : `${result.code ?? `exit code ${result.exitCode ?? result.signal}`} ${said}`.trim(),
    )
  }
  const said = stderr.bytes().toString('utf8')
  const packages = parseAnswer(stdout.bytes().toString('utf8'), fail)
  const bad = skipped(said)
  // Any other error means that the list may be anything.
  const error = said.match(/^error: .*/gm)?.find((line) => !SKIPPED.test(line))
  if (error !== undefined) throw fail(error.slice(0, MAX_REASON))
  if (packages.length > 0) return { packages, bad }
  // An rpm that was built without this kind of database makes an empty one of its own kind.
  const made = (await readdir(folder)).filter((name) => !before.includes(name))
  if (made.includes(OWN_DATABASE) || /dummy database/.test(said))
    throw fail(`this rpm doesn't read databases of this kind (${before.sort().join(', ')})`)
  return { packages, bad }
}

/** rpm skips a record that it can't read, with an error and exit code 0. */
const SKIPPED = /^error: .*(?:skipping h#\s*(\d+)|damaged header #(\d+) retrieved -- skipping)(.*)/

function skipped(said: string): BadRecord[] {
  return said.split('\n').flatMap((line) => {
    const match = SKIPPED.exec(line)
    if (match === null) return []
    const why = (match[3] ?? '').trim().slice(0, MAX_REASON)
    const words = `record ${match[1] ?? match[2]} can't be read`
    return [{ name: undefined, reason: why === '' ? words : `${words}: ${why}` }]
  })
}

/** What rpm makes where it finds no database that it knows. */
const OWN_DATABASE = 'rpmdb.sqlite'

function firstLine(bytes: Buffer): string {
  const lines = bytes.toString('utf8').split('\n')
  // Warnings come before the reason.
  const line = lines.find((one) => one.startsWith('error:')) ?? lines[0] ?? ''
  return line.slice(0, MAX_REASON)
}

/** Reads a stream to its end and keeps at most `max` bytes; calls `onMore` once there are more. */
function firstBytes(
  stream: Readable,
  max: number,
  onMore: () => void,
): { bytes(): Buffer; isMore: boolean } {
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

function parseAnswer(text: string, fail: (reason: string) => Error): FactPackage[] {
  const records = text.split(RECORD_END)
  if (records.pop() !== '') throw fail('its answer is cut short')
  return records.map((record) => {
    const [name, epoch, version, release, arch, ...more] = record.split(FIELD_END)
    if (arch === undefined || more.length > 0 || name === '' || !/^\d{1,10}$/.test(epoch as string))
      throw fail(
        `it lists a package in another form: ${JSON.stringify(record.slice(0, MAX_REASON))}`,
      )
    return factPackage('rpm', name as string, arch, `${epoch}:${version}-${release}`)
  })
}
