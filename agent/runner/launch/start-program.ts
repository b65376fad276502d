/**
 * Starts the program of a run. It looks up and checks everything, spawns the gate, puts it into the
 * containment, records it, and then opens the gate.
 */
import { stat } from 'node:fs/promises'
import type { Clock } from '../../../shared/clock.ts'
import { defined } from '../../../shared/defined.ts'
import { type Account, findAccount, ownAccount } from './account.ts'
import type { Cgroups } from '../containment/cgroup.ts'
import { createCgroups, wantedLimits } from '../containment/cgroup-containment.ts'
import type { Containment } from '../containment/containment.ts'
import { buildEnvironment } from './environment.ts'
import { type FifoStock, withWriters } from '../output/fifo.ts'
import { groupContainment } from '../containment/group-containment.ts'
import { type Exit, isLaunching, launch, type Launched, type LaunchSpec } from './launch.ts'
import type { RunnerLog } from '../ground/log.ts'
import { programOf, type RunOrder } from '../ground/order.ts'
import { findProgram } from './program.ts'
import { runTag } from '../containment/run-tag.ts'
import { pipePaths } from '../output/run-output.ts'
import type { LimitName, ProcessIdentity, RunEvent } from '../ground/run-state.ts'
import { fromSystemError, startFailure } from '../ground/start-failure.ts'
import type { SystemTools } from './system-tools.ts'

export interface StartDeps {
  readonly clock: Clock
  readonly log: RunnerLog
  readonly tools: SystemTools
  readonly fifos: FifoStock
  readonly cgroups: Cgroups | undefined
  readonly bootId: string
}

export interface StartSteps {
  /** Called when the pipes exist. */
  opened(): void
  /** Called when the process exists and is contained. The program starts after this resolves. */
  placed(
    containment: Containment,
    event: RunEvent & { type: 'launched' },
    checkExit: () => void,
  ): Promise<void>
  exited(exit: Exit): void
}

/** If the exec takes longer, such as on a network file system, the run is reported as running. */
const SETTLE_MS = 500

/**
 * Starts the program. `settled` resolves when it runs or has ended. If this throws, no process is
 * left.
 * @throws StartFailure
 */
export async function startProgram(
  deps: StartDeps,
  folder: string,
  order: RunOrder,
  steps: StartSteps,
): Promise<{ settled: Promise<'runs' | 'ended'> }> {
  const prepared = await prepare(deps, order)
  const pipes = pipePaths(folder)
  for (const pipe of Object.values(pipes)) await deps.fifos.take(pipe)
  steps.opened()
  const contained = contain(deps, order)
  let launched: Launched
  try {
    launched = await withWriters(pipes, prepared.account, ({ stdout, stderr }) =>
      launch(deps, { ...prepared.spec, stdout, stderr }),
    )
  } catch (error) {
    contained?.containment.remove()
    throw fromSystemError(error, programOf(order)) ?? error
  }
  const { pid, startTime } = launched
  const identity: ProcessIdentity = { bootId: deps.bootId, pid, startTime }
  const placed = place(deps, contained, identity, { order, pipes: Object.values(pipes) })
  try {
    const event = { type: 'launched', process: identity, ...placed.facts } as const
    await steps.placed(placed.containment, event, launched.checkExit)
  } catch (error) {
    launched.abandon()
    await launched.exited
    throw fromSystemError(error, folder) ?? error
  }
  void launched.exited.then((exit) => steps.exited(exit))
  launched.release()
  return { settled: settle(deps, launched) }
}

/** Looks up and checks user, environment, folder and program. @throws StartFailure */
async function prepare(
  deps: StartDeps,
  order: RunOrder,
): Promise<{ account: Account; spec: Omit<LaunchSpec, 'stdout' | 'stderr'> }> {
  const own = ownAccount()
  const account = order.user === undefined ? own : await findAccount(deps.tools, order.user)
  const environment = buildEnvironment(account, order.env)
  const cwd = await checkFolder(order.cwd ?? '/')
  const path = environment.findLast((variable) => variable.startsWith('PATH='))?.slice(5) ?? ''
  await findProgram(programOf(order), { path, cwd })
  const other = account.uid === own.uid ? undefined : account
  const { command } = order
  const spec = defined({ command, tag: runTag(order.run), environment, cwd, account: other })
  return { account, spec }
}

function contain(deps: StartDeps, order: RunOrder): ReturnType<typeof createCgroups> | undefined {
  if (deps.cgroups === undefined) return undefined
  try {
    return createCgroups(deps.cgroups, order.run, order.limits)
  } catch (error) {
    deps.log('no control group', { run: order.run, error })
    return undefined
  }
}

type LaunchFacts = Omit<RunEvent & { type: 'launched' }, 'type' | 'process'>

/** Puts the process into its control groups. If that fails, uses its process group. */
function place(
  deps: StartDeps,
  contained: ReturnType<typeof contain>,
  identity: ProcessIdentity,
  { order, pipes }: { order: RunOrder; pipes: readonly string[] },
): { containment: Containment; facts: LaunchFacts } {
  if (contained !== undefined && isPlaced(deps, contained.containment, identity.pid)) {
    const { containment, unenforced } = contained
    const enforcement = unenforced.length === 0 ? 'enforced' : 'weak'
    return { containment, facts: factsOf(containment, enforcement, unenforced) }
  }
  const tag = runTag(order.run)
  const containment = groupContainment(identity, { pipes, tag, parent: true })
  return { containment, facts: factsOf(containment, 'weak', wantedLimits(order.limits)) }
}

function isPlaced(deps: StartDeps, containment: Containment, pid: number): boolean {
  try {
    containment.place(pid)
    return true
  } catch (error) {
    deps.log('not placed in its control group', { pid, error })
    containment.remove()
    return false
  }
}

function factsOf(
  { record }: Containment,
  enforcement: 'enforced' | 'weak',
  limits: readonly LimitName[],
): LaunchFacts {
  const unenforced = limits.length === 0 ? undefined : limits
  return defined({ containment: record, enforcement, unenforced })
}

async function checkFolder(path: string): Promise<string> {
  if (path.includes('\0')) throw startFailure('EINVAL', `working directory ${JSON.stringify(path)}`)
  const found = await stat(path).catch((error: unknown) => {
    throw fromSystemError(error, `working directory ${path}`) ?? error
  })
  if (!found.isDirectory()) throw startFailure('ENOTDIR', `working directory ${path}`)
  return path
}

async function settle(deps: StartDeps, launched: Launched): Promise<'runs' | 'ended'> {
  let exited = false
  void launched.exited.then(() => {
    exited = true
  })
  const until = deps.clock.monotonic() + SETTLE_MS
  while (!exited && isLaunching(deps.tools, launched.pid) && deps.clock.monotonic() < until)
    await deps.clock.sleep(1)
  return exited ? 'ended' : 'runs'
}
