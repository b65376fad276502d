/**
 * The runner: a separate process that owns all runs of a host. It opens no network socket and loads
 * no package. Runs continue when the agent is restarted, updated or killed.
 *
 * usage: node agent/runner/main.ts --home DIR [--idle-exit MS] [--containment auto|cgroup1|none]
 *   --idle-exit: milliseconds without a connection and a live run, after which the runner ends. 0:
 *     never. Default 10 minutes. The next call starts it again.
 *   --containment: `cgroup1` ignores version 2, `none` uses only process groups.
 */
import { lstatSync, rmSync, writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { parseArgs } from 'node:util'
import { systemClock as clock } from '../../shared/clock.ts'
import { systemRandom as random } from '../../shared/random.ts'
import { realPathSync } from '../../shared/verbatim-path.ts'
import { closeCgroups, openCgroups } from './containment/cgroup.ts'
import { runnerError } from './ground/errors.ts'
import { openFifoStock } from './output/fifo.ts'
import { closeInherited } from './launch/inherited.ts'
import { acquireLock, type Lock } from './lock.ts'
import { createLog } from './ground/log.ts'
import { runnerPaths } from './ground/paths.ts'
import { readBootId } from './containment/process-identity.ts'
import { EXIT_HELD } from './socket/requests.ts'
import { listen } from './socket/server.ts'
import { ownFolder } from './socket/socket-path.ts'
import { Supervisor } from './runs/supervisor.ts'
import { findTools } from './launch/system-tools.ts'

const IDLE_EXIT_MS = 600_000
const IDLE_CHECK_MS = 1000
/**
 * The kernel kills the runner after nearly all other processes. Otherwise the exit codes of all
 * runs would be lost. Runs get the value 0.
 */
const OOM_SCORE = '-900'
const VERSIONS = { auto: [2, 1], cgroup1: [1], none: [] } as const

const isContainment = (text: string): text is keyof typeof VERSIONS => Object.hasOwn(VERSIONS, text)

closeInherited()
process.umask(0o077)
process.chdir('/')
const log = createLog({ clock }, (line) => process.stderr.write(line))

const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    'idle-exit': { type: 'string' },
    containment: { type: 'string', default: 'auto' },
  },
})
const home = realPathSync(values.home ?? '')
if (!isContainment(values.containment))
  throw new Error(`invalid --containment: ${values.containment}`)
const versions = VERSIONS[values.containment]
const idleExitMs = Number(values['idle-exit'] ?? IDLE_EXIT_MS)

/** Ends this process if another runner is running. The caller then connects to that runner. */
function takeLock(path: string): Lock {
  try {
    return acquireLock(path)
  } catch (error) {
    if (!runnerError.is(error, 'runner.held')) throw error
    process.exit(EXIT_HELD)
  }
}

// Runs continue after an unexpected error, and the next runner adopts them.
process.on('uncaughtException', (error) => {
  log('died of an error', { error })
  process.exit(1)
})

const paths = runnerPaths(home)
ownFolder(paths.runFolder)
ownFolder(paths.runs)
const lock = takeLock(paths.lock)
try {
  writeFileSync('/proc/self/oom_score_adj', OOM_SCORE)
} catch {
  // Only root may lower the value.
}

const tools = findTools()
const cgroups = versions.length === 0 ? undefined : openCgroups({ home, versions })
const fifos = await openFifoStock(tools, paths.spares)
const supervisor = await Supervisor.open(
  { clock, random, log, tools, fifos, cgroups, bootId: readBootId() },
  paths.runs,
)
const server = await listen(
  { clock, log, supervisor, shutdown: () => void setImmediate(() => void end('asked to')) },
  paths.socket,
)
const socket = lstatSync(paths.socket).ino
log('ready', {
  pid: process.pid,
  live: supervisor.live(),
  track: cgroups?.track.folder ?? 'process group',
})
// The code cache is written now, because the runner may be killed later.
flushCompileCache()

let ending = false
async function end(reason: string): Promise<void> {
  if (ending) return
  ending = true
  await server.close()
  await supervisor.close()
  rmSync(paths.socket, { force: true })
  if (cgroups !== undefined) closeCgroups(cgroups)
  log('ended', { reason, live: supervisor.live() })
  lock.release()
  process.exit(0)
}

process.on('SIGTERM', () => void end('SIGTERM'))
process.on('SIGINT', () => void end('SIGINT'))
process.on('SIGHUP', () => undefined)

let idleSince = clock.monotonic()
clock.every(IDLE_CHECK_MS, () => {
  if (server.connections() > 0 || !supervisor.isIdle()) idleSince = clock.monotonic()
  else if (idleExitMs > 0 && clock.monotonic() - idleSince >= idleExitMs) void end('idle')
  // The home was removed, so no client can connect to this runner any more.
  else if (lstatSync(paths.socket, { throwIfNoEntry: false })?.ino !== socket)
    void end('socket removed')
})
