/**
 * Opens homes of an older version in a temporary folder. The fleet's clock starts one minute after
 * the homes were made, because certificates and intents expire.
 */
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { systemClock } from '../../shared/clock.ts'
import { type Fleet, openFleet, owned, serveFolder, temporaryFolder } from '../testing/fleet.ts'
import { shiftClock } from '../testing/shift-clock.ts'

/**
 * Made by make-homes.ts with the last commit before the source files moved to their present folders
 * (db48368, of 2026-11-30), which had migrations up to 0008. All keys in it are test keys.
 * `frames/push` has the bytes that its agent sent as facts. `outputs/` has the output of its
 * commands.
 */
const ARCHIVE = join(import.meta.dirname, '..', '..', 'fixtures', 'homes', 'muster-0008.tar.gz')
const LATER_MS = 60_000

const madeSchema = z.strictObject({ commit: z.string(), at: z.number(), folder: z.string() })

export interface OlderHomes extends Fleet {
  /** Returns the output of the older version for these words, with `-o json`. */
  older(words: string): Promise<unknown>
  /** Returns the output of this version. */
  today(words: string): Promise<unknown>
}

export function openOlderHomes(): Promise<OlderHomes> {
  return owned(async (stack) => {
    const folder = await temporaryFolder(stack)
    const { status, stderr } = spawnSync('tar', ['-xzf', ARCHIVE, '-C', folder, '--no-same-owner'])
    if (status !== 0) throw new Error(`tar ended with ${status}: ${stderr.toString()}`)
    const text = (...path: string[]): Promise<string> => readFile(join(folder, ...path), 'utf8')
    const made = madeSchema.parse(JSON.parse(await text('made.json')))
    const url = await serveFolder(stack, join(folder, 'upstream'))
    const shift = made.at + LATER_MS - systemClock.now()
    const env = await shiftClock(join(folder, 'shift-clock.mjs'), shift)
    const fleet = openFleet(stack, { folder, upstream: url, env: { ...env, UPSTREAM: url } })
    return {
      ...fleet,
      async older(words) {
        const output = await text('outputs', `${words}.json`)
        return JSON.parse(output.replaceAll(made.folder, folder)) as unknown
      },
      today: async (words) => JSON.parse(await fleet.ok([...words.split(' '), '-o', 'json'])),
    }
  })
}
