/**
 * Marks the processes of a run where there are no control groups. The mark is the soft limit on
 * file locks, which the kernel keeps and hasn't used since Linux 2.4. A fork and an exec inherit
 * it, so it stays on a process that changed its session and its environment and whose parent ended.
 * /proc shows it to every user.
 */
import { readFileSync } from 'node:fs'
import type { RunId } from '../../../shared/ids.ts'

/** Of the random part of the id: 48 bits, so that no two live runs share a mark. */
const TAG_DIGITS = 12

/** The mark of a run, decimal; the same in every life of the runner. */
export function runTag(run: RunId): string {
  return String(1 + Number.parseInt(run.slice(-TAG_DIGITS), 16))
}

/**
 * For the gate, whose shell has the mark in MUSTER_TAG: dash and busybox call the limit -w, bash
 * -x. Where it can't be set, the run has no mark.
 */
export const SET_TAG = '{ ulimit -Sw "$MUSTER_TAG" || ulimit -Sx "$MUSTER_TAG" || :; } 2>/dev/null'

/** True for a process that carries the mark. */
export function hasTag(pid: number, tag: string): boolean {
  try {
    const limits = readFileSync(`/proc/${pid}/limits`, 'latin1')
    return /^Max file locks +(\d+)/m.exec(limits)?.[1] === tag
  } catch {
    // Gone, or hidden from us.
    return false
  }
}
