/**
 * Marks the processes of a run if there are no control groups. The mark is the soft limit of file
 * locks, which Linux hasn't used since 2.4. Child processes inherit the mark, also after exec, in a
 * new session and with a new environment. Every user can read it in /proc.
 */
import { readFileSync } from 'node:fs'
import type { RunId } from '../../../shared/ids.ts'

/** 48 bits of the random part of the id, so that live runs have different marks. */
const TAG_DIGITS = 12

/** Returns the mark of a run as a decimal number. It depends only on the id. */
export function runTag(run: RunId): string {
  return String(1 + Number.parseInt(run.slice(-TAG_DIGITS), 16))
}

/**
 * Sets the mark from MUSTER_TAG in the gate's shell. dash and busybox call the limit -w, bash -x.
 * If it can't be set, the run has no mark.
 */
export const SET_TAG = '{ ulimit -Sw "$MUSTER_TAG" || ulimit -Sx "$MUSTER_TAG" || :; } 2>/dev/null'

/** Returns true for a process with the mark. */
export function hasTag(pid: number, tag: string): boolean {
  try {
    const limits = readFileSync(`/proc/${pid}/limits`, 'latin1')
    return /^Max file locks +(\d+)/m.exec(limits)?.[1] === tag
  } catch {
    // The process ended, or this user may not see it.
    return false
  }
}
