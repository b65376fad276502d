/**
 * The control group hierarchies in which this runner may make folders, found once at start. Version
 * 2 tracks and kills (cgroup.kill, cgroup.events); limits come from whichever version has the
 * controller, because a machine may carry both (v1 controllers with an empty v2 tree). Where
 * nothing can be written there are none, and runs fall back to their process group.
 *
 * The folders stand at the top of the mounted tree if we may write there, so that they survive a
 * restart of the service the runner belongs to; else below the runner's own group, where a service
 * manager delegated it. (Linux Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.)
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runId } from '../../../shared/ids.ts'

export const CONTROLLERS = ['memory', 'pids', 'cpu'] as const
export type Controller = (typeof CONTROLLERS)[number]

export interface Hierarchy {
  readonly version: 1 | 2
  /** Ours in this hierarchy; each run gets one below it. */
  readonly folder: string
}

export interface Cgroups {
  /** Where the processes of a run are found and killed. */
  readonly track: Hierarchy
  readonly controllers: ReadonlyMap<Controller, Hierarchy>
}

interface Mount {
  readonly version: 1 | 2
  readonly point: string
  /** Version 1: names of the controllers mounted here. */
  readonly names: readonly string[]
}

/**
 * Finds the hierarchies and makes `muster/<tag>` in each. The tag is drawn from the home, so two
 * homes on one machine stay apart.
 * @param options.versions - Which versions may be used; for machines where one of them must be left
 * alone, and for tests.
 */
export function openCgroups(options: {
  home: string
  versions: readonly (1 | 2)[]
}): Cgroups | undefined {
  const tag = createHash('sha256').update(options.home).digest('hex').slice(0, 16)
  const own = ownGroups(readFileSync('/proc/self/cgroup', 'utf8'))
  const mounts = cgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8')).filter(
    ({ version, names }) =>
      options.versions.includes(version) &&
      (version === 2 || [...CONTROLLERS, 'freezer'].some((name) => names.includes(name))),
  )
  const opened = mounts.flatMap((mount) => {
    const folder = makeFolder(mount, own, tag)
    return folder === undefined ? [] : [{ mount, hierarchy: { version: mount.version, folder } }]
  })
  const second = opened.find(({ mount }) => mount.version === 2)
  const first = (name: string): Hierarchy | undefined =>
    opened.find(({ mount }) => mount.version === 1 && mount.names.includes(name))?.hierarchy
  const enabled =
    second === undefined
      ? []
      : read(join(second.hierarchy.folder, 'cgroup.subtree_control')).split(' ')
  const controllers = CONTROLLERS.flatMap((name) => {
    const hierarchy = enabled.includes(name) ? second?.hierarchy : first(name)
    return hierarchy === undefined ? [] : ([[name, hierarchy]] as const)
  })
  // Version 1: the freezer holds a fork bomb still while it is killed; any other hierarchy at least
  // knows its members.
  const track =
    second?.hierarchy ?? first('freezer') ?? first('pids') ?? first('memory') ?? first('cpu')
  const used = new Set([track, ...controllers.map(([, hierarchy]) => hierarchy)])
  for (const { hierarchy } of opened) if (!used.has(hierarchy)) removeFolder(hierarchy)
  return track === undefined ? undefined : { track, controllers: new Map(controllers) }
}

/**
 * Removes the folders of runs in which nothing lives: what a killed runner left behind. A folder
 * that is in use can't be removed. Only while no run is being started.
 */
export function sweepCgroups(cgroups: Cgroups): void {
  for (const { folder } of hierarchies(cgroups))
    for (const run of readdirSync(folder).filter(runId.is)) removeGroup(join(folder, run))
}

/** Removes our own folders too, where they are empty; a runner does so when it ends. */
export function closeCgroups(cgroups: Cgroups): void {
  sweepCgroups(cgroups)
  for (const hierarchy of hierarchies(cgroups)) removeFolder(hierarchy)
}

/** A group and those below it; their names, deepest first. */
export function groupTree(folder: string): string[] {
  let names: string[]
  try {
    names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
  return [...names.flatMap((name) => groupTree(join(folder, name))), folder]
}

/**
 * Removes a group and those that the run made below it. False if something still lives in one of
 * them.
 */
export function removeGroup(folder: string): boolean {
  try {
    for (const path of groupTree(folder)) rmdirSync(path)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function hierarchies(cgroups: Cgroups): Set<Hierarchy> {
  return new Set([cgroups.track, ...cgroups.controllers.values()])
}

function removeFolder({ folder }: Hierarchy): void {
  for (const path of [folder, dirname(folder)])
    try {
      rmdirSync(path)
    } catch {
      // Not empty, or gone already: both are fine.
    }
}

/** Mounted hierarchies, from the lines of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export function cgroupMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ')
    const [type, , options] = right?.split(' ') ?? []
    if (left === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return []
    const point = (left.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    return [
      { version: type === 'cgroup2' ? 2 : 1, point, names: options?.split(',') ?? [] } as const,
    ]
  })
}

/**
 * Our own group in each hierarchy: by controller name, and `''` for version 2 (cgroups(7),
 * /proc/PID/cgroup).
 */
export function ownGroups(text: string): Map<string, string> {
  const groups = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line)
    for (const name of match?.[1]?.split(',') ?? []) groups.set(name, match?.[2] as string)
  }
  return groups
}

function makeFolder(
  mount: Mount,
  own: ReadonlyMap<string, string>,
  tag: string,
): string | undefined {
  const group = own.get(
    mount.version === 2 ? '' : (mount.names.find((name) => own.has(name)) ?? '?'),
  )
  const bases = [
    mount.point,
    ...(group === undefined || group === '/' ? [] : [join(mount.point, group)]),
  ]
  for (const base of bases) {
    const folder = join(base, 'muster', tag)
    try {
      mkdirSync(folder, { recursive: true })
      // A mount that is read-only for us may still hold a folder of an earlier runner: only making
      // one proves the right.
      const probe = join(folder, 'probe')
      mkdirSync(probe, { recursive: true })
      rmdirSync(probe)
      if (mount.version === 2)
        for (const path of [base, join(base, 'muster'), folder]) enableControllers(path)
      return folder
    } catch {
      // Not ours to write: try the next place.
    }
  }
  return undefined
}

function enableControllers(folder: string): void {
  const available = read(join(folder, 'cgroup.controllers')).split(' ')
  for (const name of CONTROLLERS)
    if (available.includes(name))
      try {
        writeFileSync(join(folder, 'cgroup.subtree_control'), `+${name}`)
      } catch {
        // A group with processes of its own can't hand controllers down: limits of this kind are
        // then said to be weak.
      }
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
}
