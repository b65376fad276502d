/**
 * Finds the state of a run after its runner died. Either the run still lives and is adopted, or its
 * end is unknown, or the host was rebooted. No signal is sent here, and a pid alone never
 * identifies a process.
 */
import { existsSync } from 'node:fs'
import { cgroupContainment } from '../containment/cgroup-containment.ts'
import type { Containment } from '../containment/containment.ts'
import { groupContainment } from '../containment/group-containment.ts'
import { isAlive } from '../containment/process-identity.ts'
import type { Run, RunDeps } from './run.ts'
import { runTag } from '../containment/run-tag.ts'
import { pipePaths } from '../output/run-output.ts'
import { hasEnded, type RunRecord } from '../ground/run-state.ts'

export async function recover(deps: RunDeps, run: Run): Promise<void> {
  const { record } = run
  const at = deps.clock.now()
  const sameBoot = record.process?.bootId === deps.bootId
  const containment = sameBoot ? findContainment(record, run.folder) : undefined
  if (hasEnded(record)) {
    // Pipes stay until they are closed, because grandchildren would block on a full one. Groups
    // stay until they are empty.
    const left = [
      ...Object.values(pipePaths(run.folder)),
      ...(sameBoot ? (record.containment?.folders ?? []) : []),
    ]
    if (left.some((path) => existsSync(path))) await run.adopt(containment)
  } else if (record.process === undefined) {
    await run.bury(
      { type: 'refused', reason: 'EINTR: the runner died before the program began', at },
      undefined,
    )
  } else if (!sameBoot) {
    await run.bury({ type: 'rebooted', at }, undefined)
  } else if (containment !== undefined && isSame(record, containment, deps.bootId)) {
    await run.adopt(containment)
    deps.log('run adopted', { run: run.id, pid: record.process.pid })
  } else {
    await run.bury({ type: 'vanished', at }, containment)
  }
}

function findContainment(record: RunRecord, folder: string): Containment | undefined {
  if (record.process === undefined || record.containment === undefined) return undefined
  const { track } = record.containment
  if (track !== undefined) return cgroupContainment(record.containment, track)
  return groupContainment(record.process, {
    pipes: Object.values(pipePaths(folder)),
    tag: runTag(record.run),
    parent: false,
  })
}

/** Returns true if boot id, pid and start time match, and the process is still in its group. */
function isSame(record: RunRecord, containment: Containment, bootId: string): boolean {
  const { process } = record
  if (process === undefined || !isAlive(process, bootId)) return false
  return record.containment?.track === undefined || containment.members().includes(process.pid)
}
