/** What the host is: os-release(5) and what the kernel says of itself. */
import { hostname, machine, release } from 'node:os'
import { join } from 'node:path'
import { MAX_TEXT } from '../../../shared/facts/package-set.ts'
import type { HostFacts } from '../../../shared/facts/package-set.ts'
import { KIB } from '../../../shared/units.ts'
import { readBounded } from './bounded-file.ts'

/** The file has some twenty lines. */
const MAX_OS_RELEASE_BYTES = 64 * KIB

/** @param options.root the file system's root, `/` but in tests */
export async function readHost(
  options: { root: string },
  signal?: AbortSignal,
): Promise<HostFacts> {
  const named = await osRelease(options.root, signal)
  const facts = {
    id: named.get('ID') ?? 'linux',
    version: named.get('VERSION_ID') ?? '',
    name: named.get('PRETTY_NAME') ?? named.get('NAME') ?? 'Linux',
    kernel: release(),
    arch: machine(),
    hostname: hostname(),
  }
  const short = Object.entries(facts).map(([key, value]) => [
    key,
    value.replaceAll('\0', '').slice(0, MAX_TEXT).toWellFormed(),
  ])
  return Object.fromEntries(short) as HostFacts
}

/**
 * The first of /etc/os-release and /usr/lib/os-release that is there. A host without either is just
 * a Linux.
 */
async function osRelease(root: string, signal?: AbortSignal): Promise<Map<string, string>> {
  for (const path of ['etc/os-release', 'usr/lib/os-release']) {
    const bytes = await readBounded(join(root, path), MAX_OS_RELEASE_BYTES, signal).catch(
      (error: unknown) => {
        if (signal?.aborted === true) throw error
        return undefined
      },
    )
    if (bytes !== undefined) return parseOsRelease(bytes.toString('utf8'))
  }
  return new Map()
}

/**
 * The assignments of os-release(5): shell words without expansion. A line that is none is skipped,
 * as the shell's users expect.
 */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z_][A-Z0-9_]*)=(.*?)\s*$/.exec(line)
    const [, key, raw] = match ?? []
    if (key === undefined || raw === undefined) continue
    const quoted = /^(["'])(.*)\1$/.exec(raw)
    if (quoted === null) values.set(key, raw.replace(/\\(.)/g, '$1'))
    else
      values.set(
        key,
        quoted[1] === "'"
          ? (quoted[2] as string)
          : (quoted[2] as string).replace(/\\([\\"$`])/g, '$1'),
      )
  }
  return values
}
