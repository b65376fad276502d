/** Creates the demo's folder: a temporary one that is removed, or a new one that the user keeps. */
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { diskReason } from '../../../shared/disk-reason.ts'
import { defineErrors } from '../../../shared/errors.ts'
import type { Random } from '../../../shared/random.ts'
import { MIB } from '../../../shared/units.ts'

export const demoError = defineErrors({
  'demo.folder': {
    exit: 'conflict',
    message: (d: { folder: string; reason: string }) =>
      `cannot create the demo's folder ${d.folder}: ${d.reason}`,
    hint: () => 'pass --keep a folder that does not exist yet',
  },
  'demo.not-ready': {
    exit: 'failed',
    message: (d: { what: string; log: string }) =>
      `${d.what} did not start; the end of its log:\n${d.log}`,
  },
  'demo.step': {
    exit: 'failed',
    message: (d: { command: string; code: number; output: string }) =>
      `\`${d.command}\` ended with ${d.code}\n${d.output}`,
    hint: () =>
      'run `muster doctor` to check this machine; if it finds nothing, please report this',
  },
})

export interface Scratch extends AsyncDisposable {
  readonly folder: string
  /** Writes a file of random bytes and returns its path. */
  writeRandom(name: string, bytes: number): Promise<string>
}

/** @throws demo.folder */
export async function openScratch(
  deps: { random: Random },
  keep: string | undefined,
): Promise<Scratch> {
  const folder = keep === undefined ? await mkdtemp(join(tmpdir(), 'muster-demo-')) : resolve(keep)
  if (keep !== undefined)
    await mkdir(folder, { mode: 0o700 }).catch((cause: unknown) => {
      throw demoError('demo.folder', { folder, reason: diskReason(cause) ?? 'unknown' }, { cause })
    })
  return {
    folder,
    async writeRandom(name, bytes) {
      const path = join(folder, name)
      const file = await open(path, 'wx')
      try {
        for (let left = bytes; left > 0; left -= MIB)
          await file.write(deps.random.bytes(Math.min(left, MIB)))
      } finally {
        await file.close()
      }
      return path
    },
    async [Symbol.asyncDispose]() {
      if (keep === undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}
