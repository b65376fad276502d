/**
 * Runs one of the two processes of a pair: `node pair-process.ts MODULE`. It executes requests and
 * reports their cost.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../shared/clock.ts'
import type { PairAnswer, PairModule, PairRequest, Usage } from './pair.ts'

const module = (await import(pathToFileURL(resolve(process.argv[2] as string)).href)) as PairModule

process.on('message', (request: PairRequest) => void reply(request))
process.on('disconnect', () => process.exit())

function usage(since?: NodeJS.CpuUsage): Usage {
  const { user, system } = process.cpuUsage(since)
  return { cpuSeconds: (user + system) / 1e6, rssBytes: process.resourceUsage().maxRSS * 1024 }
}

async function reply(request: PairRequest): Promise<void> {
  let done: PairAnswer
  try {
    done = await answer(request)
  } catch (error) {
    done = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  process.send?.(done)
}

async function answer(request: PairRequest): Promise<PairAnswer> {
  switch (request.do) {
    case 'provide':
      return { result: await module.provide(request.argument) }
    case 'reset':
      await module.reset(request.argument)
      return {}
    case 'usage':
      return { usage: usage() }
    case 'fetch': {
      const before = process.cpuUsage()
      const startedAt = systemClock.monotonic()
      const notes = await module.fetch(request.ticket, request.argument)
      const seconds = (systemClock.monotonic() - startedAt) / 1000
      return {
        sample: { seconds, ...usage(before), ...(typeof notes === 'object' ? { notes } : {}) },
      }
    }
    default:
      return request satisfies never
  }
}
