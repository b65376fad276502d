/**
 * The control groups of a run: one folder in each required hierarchy. Its processes stay in them
 * after a fork or in a new session. cgroup.kill kills them. Before kernel 5.14, the runner freezes
 * them, sends SIGKILL to each, and thaws them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defined } from '../../../shared/defined.ts'
import type { RunId } from '../../../shared/ids.ts'
import { type Cgroups, groupTree, removeGroup } from './cgroup.ts'
import { type Containment, sendSignal } from './containment.ts'
import type { RunLimits } from '../ground/order.ts'
import { lives, readStat } from './process-identity.ts'
import {
  type ContainmentKind,
  type ContainmentRecord,
  LIMIT_NAMES,
  type LimitName,
} from '../ground/run-state.ts'

/** The period for shares of processor time in microseconds: the kernel's default. */
const CPU_PERIOD_US = 100_000

/**
 * Creates the folders and sets the limits.
 * @throws the kernel's error if the run can't be tracked
 */
export function createCgroups(
  cgroups: Cgroups,
  run: RunId,
  limits: RunLimits,
): { containment: Containment; unenforced: readonly LimitName[] } {
  const track = join(cgroups.track.folder, run)
  const wanted = wantedLimits(limits)
  const folderOf = (name: (typeof wanted)[number]): string | undefined => {
    const hierarchy = cgroups.controllers.get(name)
    return hierarchy === undefined ? undefined : join(hierarchy.folder, run)
  }
  const folders = [
    ...new Set([track, ...wanted.map(folderOf).filter((folder) => folder !== undefined)]),
  ]
  for (const folder of folders) mkdirSync(folder, { recursive: true })
  const memory = limits.memoryBytes === undefined ? undefined : folderOf('memory')
  const unenforced = wanted.filter((name) => !setLimit(name, folderOf(name), limits))
  const kind: ContainmentKind = cgroups.track.version === 2 ? 'cgroup2' : 'cgroup1'
  const record: ContainmentRecord = defined({ kind, track, folders, memory })
  return {
    containment: cgroupContainment(record, track),
    unenforced,
  }
}

/** Returns the names of the requested limits. */
export function wantedLimits(limits: RunLimits): LimitName[] {
  return LIMIT_NAMES.filter(
    (name) => limits[name === 'memory' ? 'memoryBytes' : name] !== undefined,
  )
}

/** Returns the containment of a recorded run. This runner or an earlier one started the run. */
export function cgroupContainment(record: ContainmentRecord, track: string): Containment {
  const members = (): number[] => pids(track).filter((pid) => lives(readStat(pid)))
  return {
    record,
    place: (pid) => {
      for (const folder of record.folders) writeFileSync(join(folder, 'cgroup.procs'), String(pid))
    },
    members,
    isEmpty: () => {
      const populated = /^populated (\d)$/m.exec(read(join(track, 'cgroup.events')))
      return populated === null ? members().length === 0 : populated[1] === '0'
    },
    follow: () => undefined,
    kill: () => {
      if (write(join(track, 'cgroup.kill'), '1')) return
      freeze(track, true)
      for (const pid of pids(track)) sendSignal(pid, 'SIGKILL')
      freeze(track, false)
    },
    oomKills: () => (record.memory === undefined ? 0 : oomKills(record.memory)),
    remove: () => record.folders.map((folder) => removeGroup(folder)).every(Boolean),
  }
}

function setLimit(
  name: 'memory' | 'pids' | 'cpu',
  folder: string | undefined,
  limits: RunLimits,
): boolean {
  if (folder === undefined) return false
  if (name === 'pids') return write(join(folder, 'pids.max'), String(limits.pids))
  if (name === 'cpu') {
    const quota = Math.max(1000, Math.round((limits.cpu ?? 0) * CPU_PERIOD_US))
    if (write(join(folder, 'cpu.max'), `${quota} ${CPU_PERIOD_US}`)) return true
    return (
      write(join(folder, 'cpu.cfs_period_us'), String(CPU_PERIOD_US)) &&
      write(join(folder, 'cpu.cfs_quota_us'), String(quota))
    )
  }
  const bytes = String(limits.memoryBytes)
  // Swap is off. Otherwise a run above its limit would become slow, and the kernel would not kill
  // it. If the kernel doesn't count swap, the limit still counts as enforced.
  if (write(join(folder, 'memory.max'), bytes)) {
    write(join(folder, 'memory.swap.max'), '0')
    write(join(folder, 'memory.oom.group'), '1')
    return true
  }
  const set = write(join(folder, 'memory.limit_in_bytes'), bytes)
  write(join(folder, 'memory.memsw.limit_in_bytes'), bytes)
  return set
}

/**
 * Returns the number of memory kills. Version 2 counts them in memory.events, version 1 in
 * memory.oom_control. Before kernel 4.13, only memory.failcnt counts how often the limit was
 * reached.
 */
function oomKills(folder: string): number {
  const counted = /^oom_kill (\d+)$/m.exec(
    read(join(folder, 'memory.events')) || read(join(folder, 'memory.oom_control')),
  )
  return Number(counted?.[1] ?? (read(join(folder, 'memory.failcnt')).trim() || 0))
}

function freeze(folder: string, frozen: boolean): void {
  if (!write(join(folder, 'cgroup.freeze'), frozen ? '1' : '0'))
    write(join(folder, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED')
}

function pids(folder: string): number[] {
  return groupTree(folder).flatMap((path) =>
    read(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number),
  )
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/**
 * Never creates the file. If the kernel has no such file, a created one would look like a success.
 */
function write(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'r+' })
    return true
  } catch {
    return false
  }
}
