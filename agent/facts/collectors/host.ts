/** Reads facts about the host itself from os-release(5) and the kernel. */
import { hostname, machine, release } from 'node:os'
import { join } from 'node:path'
import { MAX_TEXT } from '../../../shared/facts/package-set.ts'
import type { HostFacts } from '../../../shared/facts/package-set.ts'
import { KIB } from '../../../shared/units.ts'
import { readBounded } from './bounded-file.ts'

/** The file has some twenty lines. */
const MAX_OS_RELEASE_BYTES = 64 * KIB

/** @param options.root the root of the file system: `/`, or a folder in tests */
export async function readHost(
  options: { root: string },
  signal?: AbortSignal,
): Promise<HostFacts> {
  const named = await osRelease(options.root, signal)
  return {
    id: shortText(named.get('ID') ?? 'linux'),
    version: shortText(named.get('VERSION_ID') ?? ''),
    name: shortText(named.get('PRETTY_NAME') ?? named.get('NAME') ?? 'Linux'),
    kernel: shortText(release()),
    arch: shortText(machine()),
    hostname: shortText(hostname()),
  }
}

/** Shortens a text so that a set can contain it. */
function shortText(value: string): string {
  return value.replaceAll('\0', '').slice(0, MAX_TEXT).toWellFormed()
}

/**
 * Reads /etc/os-release or, if that fails, /usr/lib/os-release. Returns no values if both fail.
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

/** Parses the assignments of os-release(5): shell words without expansion. Skips other lines. */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z_][A-Z0-9_]*)=(.*?)\s*$/.exec(line)
    const [, key, raw] = match ?? []
    if (key === undefined || raw === undefined) continue
    values.set(key, unquote(raw))
  }
  return values
}

function unquote(raw: string): string {
  const [, quote, text] = /^(["'])(.*)\1$/.exec(raw) ?? []
  if (text === undefined) return raw.replace(/\\(.)/g, '$1')
  return quote === "'" ? text : text.replace(/\\([\\"$`])/g, '$1')
}
