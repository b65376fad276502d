/**
 * The process that owns the PostgreSQL server of a test run: `node postgres-keeper.ts FOLDER
 * RUNNER_PID`. It listens on FOLDER/keeper.sock and sends the server's URL to each client. When the
 * runner has ended and no client is connected, it stops the server and removes its files.
 */
import { existsSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { type EmbeddedServer, startEmbedded } from './postgres-embedded.ts'

const [folder, runner] = process.argv.slice(2) as [string, string]
/**
 * If there is no client for this time, the keeper ends, also if the runner still runs. The runner
 * may be a shell that ran one test file.
 */
const IDLE_MS = 15_000
const CHECK_MS = 200

const path = join(folder, 'keeper.sock')
/**
 * The folder is separate, because the previous keeper may still be stopping its server. This takes
 * longer on a busy machine.
 */
const place = join(folder, `server-${process.pid}`)
const clients = new Set<Socket>()
let idleSince = systemClock.monotonic()
let embedded: Promise<EmbeddedServer> | undefined

function runnerLives(): boolean {
  try {
    process.kill(Number(runner), 0)
    return true
  } catch {
    return false
  }
}

async function stop(): Promise<void> {
  cancelLooking()
  listener.close()
  const server = await embedded?.catch(() => undefined)
  await server?.stop()
  rmSync(place, { recursive: true, force: true })
  try {
    rmdirSync(folder)
  } catch {
    // The next keeper uses the folder already.
  }
  process.exit(0)
}

const listener = createServer((client) => {
  clients.add(client)
  client.on('error', () => client.destroy())
  client.on('close', () => {
    clients.delete(client)
    idleSince = systemClock.monotonic()
  })
  client.resume()
  embedded ??= startEmbedded(place)
  embedded.then(
    ({ url }) => client.write(`${JSON.stringify({ url })}\n`),
    (error: Error) => client.end(`${JSON.stringify({ error: error.message })}\n`),
  )
})

listener.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EADDRINUSE') throw error
  // Another keeper was faster, or a killed one left its socket.
  const probe = connect(path)
  probe.on('connect', () => process.exit(0))
  probe.on('error', () => {
    rmSync(path, { force: true })
    listener.listen(path)
  })
})
listener.listen(path)

const cancelLooking = systemClock.every(CHECK_MS, () => {
  if (clients.size > 0) return
  const idle = systemClock.monotonic() - idleSince
  // A test file that has just started this keeper gets time to connect, even if its runner has
  // ended.
  if (idle > IDLE_MS || (idle > 1_000 && !runnerLives()) || !existsSync(path)) void stop()
})
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stop())
process.on('uncaughtException', (error) => {
  writeFileSync(join(folder, 'keeper.error'), String(error.stack))
  process.exit(1)
})
