/**
 * The control group hierarchies in which this runner may create folders. It finds them once at its
 * start. Version 2 tracks and kills processes. A host may have both versions, so each limit comes
 * from the version with its controller. Without write access, runs use their process group.
 *
 * If the runner may write there, the folders are at the top of the mounted tree. They then survive
 * a restart of its service. Otherwise they are below the runner's own group, if a service manager
 * delegated it. (Linux Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.)
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errno } from '../../../shared/errno.ts'
import { runId } from '../../../shared/ids.ts'

export const CONTROLLERS = ['memory', 'pids', 'cpu'] as const
export type Controller = (typeof CONTROLLERS)[number]

export interface Hierarchy {
  readonly version: 1 | 2
  /** The runner's folder in this hierarchy. Each run has a folder below it. */
  readonly folder: string
}

export interface Cgroups {
  /** The hierarchy in which the processes of a run are found and killed. */
  readonly track: Hierarchy
  readonly controllers: ReadonlyMap<Controller, Hierarchy>
}

interface Mount {
  readonly version: 1 | 2
  readonly point: string
  /** Version 1 only: the names of the controllers mounted here. */
  readonly names: readonly string[]
}

/**
 * Finds the hierarchies and creates `muster/<tag>` in each. The tag depends on the home, so that
 * two homes on one host have different folders.
 * @param options.versions the versions that may be used
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
  // In version 1, the freezer stops a fork bomb while the runner kills it. The other hierarchies
  // only list the members.
  const track =
    second?.hierarchy ?? first('freezer') ?? first('pids') ?? first('memory') ?? first('cpu')
  const used = new Set([track, ...controllers.map(([, hierarchy]) => hierarchy)])
  for (const { hierarchy } of opened) if (!used.has(hierarchy)) removeFolder(hierarchy)
  return track === undefined ? undefined : { track, controllers: new Map(controllers) }
}

/**
 * Removes the empty folders of runs that a killed runner left. Don't call it while a run starts.
 */
export function sweepCgroups(cgroups: Cgroups): void {
  for (const { folder } of hierarchies(cgroups))
    for (const run of readdirSync(folder).filter(runId.is)) removeGroup(join(folder, run))
}

/** Removes empty folders of runs, and the runner's folders if they are empty. */
export function closeCgroups(cgroups: Cgroups): void {
  sweepCgroups(cgroups)
  for (const hierarchy of hierarchies(cgroups)) removeFolder(hierarchy)
}

/** Returns a group and all groups below it, deepest first. */
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

/** Removes a group and the groups below it. Returns false if one of them has members. */
export function removeGroup(folder: string): boolean {
  try {
    for (const path of groupTree(folder)) rmdirSync(path)
    return true
  } catch (error) {
    return errno(error) === 'ENOENT'
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
      // It is not empty, or already removed.
    }
}

/** Parses the mounted hierarchies in /proc/self/mountinfo (proc_pid_mountinfo(5)). */
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
 * Returns the runner's group by controller name, or by `''` for version 2 (cgroups(7),
 * /proc/PID/cgroup).
 */
export function ownGroups(text: string): Map<string, string> {
  const groups = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line)
    const [, names = '', group = ''] = match ?? []
    if (match !== null) for (const name of names.split(',')) groups.set(name, group)
  }
  return groups
}

export function makeFolder(
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
  // The first base that can be written is used, and the others stay untouched.
  for (const base of bases) {
    const folder = makeFolderIn(mount, base, tag)
    if (folder !== undefined) return folder
  }
  return undefined
}

/** Creates the runner's folder. Returns undefined if the runner may not write there. */
function makeFolderIn(mount: Mount, base: string, tag: string): string | undefined {
  const folder = join(base, 'muster', tag)
  try {
    mkdirSync(folder, { recursive: true })
    // A folder of an earlier runner may exist on a read-only mount, so the write access is tested.
    const probe = join(folder, 'probe')
    mkdirSync(probe, { recursive: true })
    rmdirSync(probe)
    if (mount.version === 2)
      for (const path of [base, join(base, 'muster'), folder]) enableControllers(path)
    return folder
  } catch {
    return undefined
  }
}

function enableControllers(folder: string): void {
  const available = read(join(folder, 'cgroup.controllers')).split(' ')
  for (const name of CONTROLLERS) if (available.includes(name)) enableController(folder, name)
}

function enableController(folder: string, name: Controller): void {
  try {
    writeFileSync(join(folder, 'cgroup.subtree_control'), `+${name}`)
  } catch {
    // A group that contains processes can't delegate controllers. Its limits are then weak.
  }
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
}
