/**
 * Runs contenders of two processes, a provider and a fetcher. Each process runs through all rounds.
 * The sample counts the usage of both. A module exports `provide`, `fetch` and `reset`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Contender, Sample } from './harness.ts'

export interface PairModule {
  /** Sets the provider up. Every `fetch` gets its result. */
  provide(argument: unknown): Promise<unknown>
  /** Does the measured work. */
  fetch(ticket: unknown, argument: unknown): Promise<Readonly<Record<string, number>> | void>
  /**
   * Undoes a fetch, so that the next one does all the work again. It is not measured, and also
   * called before the first fetch.
   */
  reset(argument: unknown): Promise<void>
}

export interface Usage {
  readonly cpuSeconds: number
  readonly rssBytes: number
}

export type PairRequest =
  | { do: 'provide' | 'reset'; argument: unknown }
  | { do: 'fetch'; ticket: unknown; argument: unknown }
  | { do: 'usage' }
export type PairAnswer = { result?: unknown; sample?: Sample; usage?: Usage; error?: string }

/**
 * Creates a contender whose two processes load `module` (a path) and call its functions with
 * `argument`.
 */
export function pair(options: {
  name: string
  module: string
  argument: unknown
  env?: Record<string, string>
}): Contender {
  const { argument } = options
  let running: { provider: ChildProcess; fetcher: ChildProcess; ticket: unknown } | undefined
  const start = async (): Promise<NonNullable<typeof running>> => {
    const child = (): ChildProcess =>
      fork(join(import.meta.dirname, 'pair-process.ts'), [options.module], {
        env: { ...process.env, ...options.env },
      })
    const started = { provider: child(), fetcher: child(), ticket: undefined as unknown }
    running = started
    started.ticket = (await ask(options.name, started.provider, { do: 'provide', argument })).result
    return started
  }
  return {
    name: options.name,
    measure: async () => {
      running ??= await start()
      const { provider, fetcher, ticket } = running
      await ask(options.name, fetcher, { do: 'reset', argument })
      const before = await ask(options.name, provider, { do: 'usage' })
      const { sample } = await ask(options.name, fetcher, { do: 'fetch', ticket, argument })
      const after = await ask(options.name, provider, { do: 'usage' })
      const { seconds, cpuSeconds = 0, rssBytes = 0, notes } = sample as Sample
      const provided = (after.usage?.cpuSeconds ?? 0) - (before.usage?.cpuSeconds ?? 0)
      return {
        seconds,
        cpuSeconds: cpuSeconds + provided,
        rssBytes: rssBytes + (after.usage?.rssBytes ?? 0),
        notes: {
          ...notes,
          fetcherCpuSeconds: cpuSeconds,
          providerCpuSeconds: provided,
          fetcherRssBytes: rssBytes,
        },
      }
    },
    close: async () => {
      // The channel closes when the process ends.
      for (const child of running === undefined ? [] : [running.fetcher, running.provider])
        if (child.connected) child.disconnect()
      running = undefined
    },
  }
}

function ask(name: string, child: ChildProcess, request: PairRequest): Promise<PairAnswer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`a process of ${name} ended with ${code}`))
    child.once('exit', onExit)
    child.once('message', (answer: PairAnswer) => {
      child.off('exit', onExit)
      if (answer.error === undefined) resolve(answer)
      else reject(new Error(`${name}: ${answer.error}`))
    })
    child.send(request)
  })
}
