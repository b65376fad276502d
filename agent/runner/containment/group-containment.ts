/**
 * A run without control groups: its session, its process group, their descendants, the processes
 * that hold its output open, and those with its mark. Only a process that removes the mark itself
 * can leave: status says `weak`.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { type Containment, sendSignal } from './containment.ts'
import { allProcesses, type ProcessStat, readStat } from './process-identity.ts'
import { hasTag } from './run-tag.ts'
import type { ProcessIdentity } from '../ground/run-state.ts'

/**
 * @param options.pipes - The run's output pipes: whoever has one of them open belongs to the run.
 * @param options.tag - The run's mark (run-tag.ts).
 * @param options.parent - True if we are the parent of the main process, so that its pid can't have
 * been used again unnoticed.
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
  const look = (): ProcessStat[] => {
    const all = allProcesses()
    return update(
      all,
      new Set(
        all
          .filter(
            ({ pid }) =>
              pid !== process.pid && (hasTag(pid, options.tag) || holds(pid, options.pipes)),
          )
          .map(({ pid }) => pid),
      ),
    )
  }
  return {
    record: { kind: 'process group', folders: [] },
    // spawn() made it the leader of a session of its own.
    place: () => undefined,
    members: () => look().map(({ pid }) => pid),
    isEmpty: () => look().length === 0,
    follow: (processes) => void update(processes(), new Set()),
    kill: () => {
      // All stopped first, so that none of them forks while the others are killed.
      for (const signal of ['SIGSTOP', 'SIGKILL'] as const)
        for (const { pid, startTime } of look())
          if (readStat(pid)?.startTime === startTime) sendSignal(pid, signal)
    },
    oomKills: () => 0,
    remove: () => true,
  }
}

export interface MembersOptions {
  readonly main: ProcessIdentity
  /**
   * Start time by pid of those who were members at the last look: they stay it when their parent
   * ends.
   */
  readonly known: ReadonlyMap<number, string>
  /** Pids that hold the run's output open. */
  readonly marked: ReadonlySet<number>
  readonly parent: boolean
}

/** Which of `all` belong to the run. Pure. */
export function groupMembers(all: readonly ProcessStat[], options: MembersOptions): ProcessStat[] {
  const { main, known, marked, parent } = options
  const namesake = all.find(({ pid }) => pid === main.pid)
  // The kernel doesn't give out a pid again while a session or group of that number lives: a
  // namesake means ours is gone.
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
    // Another user's, or gone.
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
