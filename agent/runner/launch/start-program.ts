/**
 * The way from an order to a running program: everything is found and checked, the gate is spawned,
 * contained and recorded, then opened.
 */
import { stat } from 'node:fs/promises'
import type { Clock } from '../../../shared/clock.ts'
import { findAccount, ownAccount } from './account.ts'
import type { Cgroups } from '../containment/cgroup.ts'
import { createCgroups, wantedLimits } from '../containment/cgroup-containment.ts'
import type { Containment } from '../containment/containment.ts'
import { buildEnvironment } from './environment.ts'
import { type FifoStock, withWriters } from '../output/fifo.ts'
import { groupContainment } from '../containment/group-containment.ts'
import { type Exit, isLaunching, launch, type Launched } from './launch.ts'
import type { RunnerLog } from '../ground/log.ts'
import type { RunOrder } from '../ground/order.ts'
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
  /** The pipes exist. */
  opened(): void
  /** The process exists and is contained; the program starts when this resolves. */
  placed(
    containment: Containment,
    event: RunEvent & { type: 'launched' },
    look: () => void,
  ): Promise<void>
  exited(exit: Exit): void
}

/**
 * After this an exec that hangs (a network file system) is no longer waited for; the run is then
 * told to be running.
 */
const SETTLE_MS = 500

/**
 * Throws a StartFailure; then no process is left. `settled` resolves when the program itself runs,
 * or has ended.
 */
export async function startProgram(
  deps: StartDeps,
  folder: string,
  order: RunOrder,
  steps: StartSteps,
): Promise<{ settled: Promise<'runs' | 'ended'> }> {
  const own = ownAccount()
  const account = order.user === undefined ? own : await findAccount(deps.tools, order.user)
  const environment = buildEnvironment(account, order.env)
  const cwd = await checkFolder(order.cwd ?? '/')
  const path =
    environment.findLast((variable) => variable.startsWith('PATH='))?.slice('PATH='.length) ?? ''
  await findProgram(order.command[0] as string, { path, cwd })
  const pipes = pipePaths(folder)
  for (const pipe of pipes) await deps.fifos.take(pipe)
  steps.opened()
  const contained = contain(deps, order)
  let launched: Launched
  try {
    launched = await withWriters(pipes, account, ([stdout, stderr]) => {
      const other = account.uid === own.uid ? {} : { account }
      return launch(deps, {
        command: order.command,
        tag: runTag(order.run),
        environment,
        cwd,
        ...other,
        stdout: stdout as number,
        stderr: stderr as number,
      })
    })
  } catch (error) {
    contained?.containment.remove()
    throw fromSystemError(error, order.command[0] as string) ?? error
  }
  const identity: ProcessIdentity = {
    bootId: deps.bootId,
    pid: launched.pid,
    startTime: launched.startTime,
  }
  const placed = place(deps, contained, identity, { order, pipes })
  try {
    await steps.placed(
      placed.containment,
      { type: 'launched', process: identity, ...placed.facts },
      launched.look,
    )
  } catch (error) {
    launched.abandon()
    await launched.exited
    throw fromSystemError(error, folder) ?? error
  }
  void launched.exited.then((exit) => steps.exited(exit))
  launched.release()
  return { settled: settle(deps, launched) }
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

function place(
  deps: StartDeps,
  contained: ReturnType<typeof contain>,
  identity: ProcessIdentity,
  { order, pipes }: { order: RunOrder; pipes: readonly string[] },
): { containment: Containment; facts: LaunchFacts } {
  if (contained !== undefined)
    try {
      contained.containment.place(identity.pid)
      return {
        containment: contained.containment,
        facts: {
          containment: contained.containment.record,
          enforcement: contained.unenforced.length === 0 ? 'enforced' : 'weak',
          ...unenforcedOf(contained.unenforced),
        },
      }
    } catch (error) {
      deps.log('not placed in its control group', { pid: identity.pid, error })
      contained.containment.remove()
    }
  const containment = groupContainment(identity, {
    pipes,
    tag: runTag(order.run),
    parent: true,
  })
  const unenforced = unenforcedOf(wantedLimits(order.limits))
  const facts = { containment: containment.record, enforcement: 'weak', ...unenforced } as const
  return { containment, facts }
}

function unenforcedOf(names: readonly LimitName[]): { unenforced?: readonly LimitName[] } {
  return names.length === 0 ? {} : { unenforced: names }
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
