/**
 * A run without control groups. Its members are its session, its process group, their descendants,
 * the processes with its pipes, and those with its mark (run-tag.ts). A process that removes the
 * mark can leave the run, so the status is `weak`.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { type Containment, sendSignal } from './containment.ts'
import { allProcesses, type ProcessStat, readStat } from './process-identity.ts'
import { hasTag } from './run-tag.ts'
import type { ProcessIdentity } from '../ground/run-state.ts'

/**
 * Creates the containment.
 * @param options.pipes the run's output pipes. A process that has one open belongs to the run
 * @param options.tag the run's mark (run-tag.ts)
 * @param options.parent true if the runner is the parent of the main process. The kernel then can't
 * reuse its pid before the runner has its exit
 */
export function groupContainment(
  main: ProcessIdentity,
  options: { pipes: readonly string[]; tag: string; parent: boolean },
): Containment {
  const known = new Map<number, string>()
  const update = (all: readonly ProcessStat[], marked: ReadonlySet<number>): ProcessStat[] => {
    const members = groupMembers(all, { main, known, marked, parent: options.parent })
    known.clear()
    for (const { pid, startTime } of members) known.set(pid, startTime)
    return members
  }
  const isMarked = ({ pid }: ProcessStat): boolean =>
    pid !== process.pid && (hasTag(pid, options.tag) || holds(pid, options.pipes))
  const current = (): ProcessStat[] => {
    const all = allProcesses()
    return update(all, new Set(all.filter(isMarked).map(({ pid }) => pid)))
  }
  return {
    record: { kind: 'process group', folders: [] },
    // spawn() made the process the leader of a new session.
    place: () => undefined,
    members: () => current().map(({ pid }) => pid),
    isEmpty: () => current().length === 0,
    follow: (processes) => void update(processes(), new Set()),
    kill: () => {
      // SIGSTOP is sent to all members first, so that none of them forks meanwhile.
      for (const signal of ['SIGSTOP', 'SIGKILL'] as const)
        for (const { pid, startTime } of current())
          if (readStat(pid)?.startTime === startTime) sendSignal(pid, signal)
    },
    oomKills: () => 0,
    remove: () => true,
  }
}

export interface MembersOptions {
  readonly main: ProcessIdentity
  /**
   * The start time of each previous member by its pid. They stay members after their parent ended.
   */
  readonly known: ReadonlyMap<number, string>
  /** The pids of processes with the run's pipes or its mark. */
  readonly marked: ReadonlySet<number>
  readonly parent: boolean
}

/** Returns the processes of the run. Pure. */
export function groupMembers(all: readonly ProcessStat[], options: MembersOptions): ProcessStat[] {
  const { main, known, marked, parent } = options
  const namesake = all.find(({ pid }) => pid === main.pid)
  // The kernel doesn't reuse a pid while a session or group has this number. If another process has
  // the pid, the main process and its session are gone.
  const trusted = namesake === undefined ? parent : namesake.startTime === main.startTime
  const members = new Map<number, ProcessStat>()
  for (const stat of all) {
    const inSession =
      trusted && (stat.pid === main.pid || stat.session === main.pid || stat.group === main.pid)
    if (inSession || known.get(stat.pid) === stat.startTime || marked.has(stat.pid))
      members.set(stat.pid, stat)
  }
  for (let before = -1; before !== members.size; ) {
    before = members.size
    for (const stat of all) if (members.has(stat.parent)) members.set(stat.pid, stat)
  }
  return [...members.values()]
}

function holds(pid: number, pipes: readonly string[]): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) =>
      pipes.includes(linkOf(`/proc/${pid}/fd/${fd}`)),
    )
  } catch {
    // The process ended, or belongs to another user.
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
