/**
 * Runs one contender: `node job.ts MODULE EXPORT`. It runs the job on each message and reports its
 * cost.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../shared/clock.ts'
import type { Job } from './contender.ts'

const [path, name] = process.argv.slice(2) as [string, string]
const exported = (await import(pathToFileURL(resolve(path)).href)) as Record<string, Job>
const job = exported[name]
if (job === undefined) throw new Error(`${path} does not export ${name}`)

process.on('message', ({ argument }: { argument: unknown }) => {
  void measure(argument).then((sample) => process.send?.(sample))
})
process.on('disconnect', () => process.exit())

async function measure(argument: unknown): Promise<object> {
  const startedAt = systemClock.monotonic()
  const usedBefore = process.cpuUsage()
  try {
    const notes = await (job as Job)(argument)
    const seconds = (systemClock.monotonic() - startedAt) / 1000
    const { user, system } = process.cpuUsage(usedBefore)
    const sample = {
      seconds,
      cpuSeconds: (user + system) / 1e6,
      rssBytes: process.resourceUsage().maxRSS * 1024,
    }
    return typeof notes === 'object' ? { ...sample, notes } : sample
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
