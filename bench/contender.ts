/**
 * Runs contenders in separate processes, so that they share no memory and no compiled code. A
 * contender is a function of the benchmark in one process for all rounds, or a program that is
 * started for each round.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { accessSync, constants } from 'node:fs'
import type { Clock } from '../shared/clock.ts'
import type { Contender, Sample } from './harness.ts'

/** A job does the work once. Its result becomes the sample's notes. */
export type Job = (argument: unknown) => Promise<Readonly<Record<string, number>> | void>

/**
 * Creates a contender that calls the exported function `job` of `module` (a path) with `argument`,
 * repeatedly in one process.
 */
export function inProcess(options: {
  name: string
  module: string
  job: string
  argument: unknown
  env?: Record<string, string>
}): Contender {
  let child: ChildProcess | undefined
  const start = (): ChildProcess => {
    const started = fork(join(import.meta.dirname, 'job.ts'), [options.module, options.job], {
      env: { ...process.env, ...options.env },
    })
    started.setMaxListeners(0)
    return started
  }
  return {
    name: options.name,
    measure: () =>
      new Promise<Sample>((resolve, reject) => {
        child ??= start()
        const onExit = (code: number | null): void =>
          reject(new Error(`the process of ${options.name} ended with ${code}`))
        child.once('exit', onExit)
        child.once('message', (sample: Sample & { error?: string }) => {
          child?.off('exit', onExit)
          if (sample.error === undefined) resolve(sample)
          else reject(new Error(`${options.name}: ${sample.error}`))
        })
        child.send({ argument: options.argument })
      }),
    close: async () => {
      // The channel closes when the process ends.
      if (child?.connected === true) child.disconnect()
      child = undefined
    },
  }
}

/** The time between reads of a program's memory use. Its peak can't be read after it ended. */
const LOOK_MS = 5

/**
 * Creates a contender that starts a program each time. `absent` is the advice if it isn't
 * installed.
 */
export function program(
  deps: { clock: Clock },
  options: { name: string; command: string; args: readonly string[]; absent: string },
): Contender {
  const path = which(options.command)
  if (path === undefined)
    return {
      name: options.name,
      absent: options.absent,
      measure: () => Promise.reject(new Error(options.absent)),
    }
  return {
    name: options.name,
    measure: async () => {
      const startedAt = deps.clock.monotonic()
      const child = spawn(path, options.args, { stdio: ['ignore', 'ignore', 'pipe'] })
      let complaint = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        complaint += text
      })
      let rssBytes = 0
      let ticks = 0
      const stop = deps.clock.every(LOOK_MS, () => {
        const usage = usageOf(child.pid as number)
        rssBytes = Math.max(rssBytes, usage?.rssBytes ?? 0)
        ticks = Math.max(ticks, usage?.ticks ?? 0)
      })
      const code = await new Promise<number | null>((resolve, reject) => {
        child.once('error', reject)
        child.once('exit', resolve)
      }).finally(stop)
      const seconds = (deps.clock.monotonic() - startedAt) / 1000
      if (code !== 0)
        throw new Error(`${options.command} ended with ${code}: ${complaint.slice(0, 500)}`)
      return rssBytes === 0 ? { seconds } : { seconds, cpuSeconds: ticks / 100, rssBytes }
    },
  }
}

/**
 * Returns the CPU time so far (clock ticks of 10 ms) and the peak memory of a process, on Linux.
 */
function usageOf(pid: number): { ticks: number; rssBytes: number } | undefined {
  try {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return {
      ticks: Number(fields[11]) + Number(fields[12]),
      rssBytes: Number(peak?.[1] ?? 0) * 1024,
    }
  } catch {
    // The process has ended, or this isn't Linux.
    return undefined
  }
}

function which(command: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return join(folder, command)
    } catch {}
  }
  return undefined
}
