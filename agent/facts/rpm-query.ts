/** Asks rpm itself for the installed packages: for databases that only rpm can read (Berkeley DB, ndb), or that we couldn't. */
import { execa } from 'execa'
import { factPackage } from '../../shared/facts/package-set.ts'
import type { FactPackage } from '../../shared/facts/package-set.ts'
import { MIB } from '../../shared/units.ts'
import { collectError } from './errors.ts'

/** Control characters that no package name has; a name that has them breaks its record, and the answer is refused. */
const FIELD_END = '\x1f'
const RECORD_END = '\x1e'
const FIELDS = ['%{NAME}', '%{EPOCHNUM}', '%{VERSION}', '%{RELEASE}', '%|ARCH?{%{ARCH}}:{}|']
/** `rpm -qa` of a large host takes two seconds; on a slow disk, with a cold cache, half a minute. */
const TIMEOUT_MS = 120_000
/** A hundred bytes a package. */
const MAX_OUTPUT_BYTES = 16 * MIB
const MAX_REASON = 200

/**
 * @param options.program rpm, found on the fixed PATH of system programs unless it is an absolute path
 * @param options.folder the database's folder
 * @throws facts.rpm if rpm is absent, fails, takes too long or answers in another form
 */
export async function queryRpm(options: { program: string; folder: string }, signal?: AbortSignal): Promise<FactPackage[]> {
  const format = FIELDS.join(FIELD_END) + RECORD_END
  const result = await execa(options.program, ['--dbpath', options.folder, '-qa', '--qf', format], {
    reject: false,
    stdin: 'ignore',
    encoding: 'buffer',
    stripFinalNewline: false,
    // Nothing of our own environment; a home that isn't there, so that no ~/.rpmmacros speaks.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/nonexistent' },
    extendEnv: false,
    cwd: '/',
    timeout: TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
  signal?.throwIfAborted()
  const fail = (reason: string): Error => collectError('facts.rpm', { reason }, { cause: result.cause })
  if (result.timedOut) throw fail(`it took longer than ${TIMEOUT_MS / 1000} s`)
  if (result.isMaxBuffer) throw fail(`it printed more than ${MAX_OUTPUT_BYTES} bytes`)
  if (result.exitCode !== 0) {
    const said = Buffer.from(result.stderr ?? []).toString('utf8')
    throw fail(`${result.code ?? `exit code ${result.exitCode ?? result.signal}`} ${firstLine(said)}`.trim())
  }
  return parseAnswer(Buffer.from(result.stdout).toString('utf8'), fail)
}

function parseAnswer(text: string, fail: (reason: string) => Error): FactPackage[] {
  const records = text.split(RECORD_END)
  if (records.pop() !== '') throw fail('its answer is cut short')
  return records.map((record) => {
    const [name, epoch, version, release, arch, ...more] = record.split(FIELD_END)
    if (arch === undefined || more.length > 0 || name === '' || !/^\d{1,10}$/.test(epoch as string))
      throw fail(`it lists a package in another form: ${JSON.stringify(record.slice(0, MAX_REASON))}`)
    return factPackage('rpm', name as string, arch, `${epoch}:${version}-${release}`)
  })
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, MAX_REASON)
}
