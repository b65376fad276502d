/**
 * Versions as rpm compares them. {@link compareVersions} gives what rpm's own `rpmvercmp` gives for
 * every pair of strings, byte for byte; the tests hold it to some thousand of rpm's answers.
 */
import type { PackageManager, PackageVersion } from './manager.ts'

export type Evr = PackageVersion

/** `1:2.0-3`, `2.0-3`, `2.0`: the epoch only if it isn't 0, the release only if there is one. */
export function formatEvr(evr: Evr): string {
  const epoch = evr.epoch === 0 ? '' : `${evr.epoch}:`
  const release = evr.release === '' ? '' : `-${evr.release}`
  return `${epoch}${evr.version}${release}`
}

/**
 * Reads `[epoch:]version[-release]`; the release begins after the last `-`, as both rpm and dpkg
 * have it. A prefix before `:` that isn't a number is part of the version.
 */
export function parseEvr(text: string): Evr {
  const match = /^(\d{1,10}):/.exec(text)
  const rest = match === null ? text : text.slice(match[0].length)
  const dash = rest.lastIndexOf('-')
  return {
    epoch: match === null ? 0 : Number(match[1]),
    version: dash === -1 ? rest : rest.slice(0, dash),
    release: dash === -1 ? '' : rest.slice(dash + 1),
  }
}

/** Negative if `a` is older than `b`, positive if newer, 0 if rpm takes them for the same. */
export function compareEvr(a: Evr, b: Evr): number {
  return (
    Math.sign(a.epoch - b.epoch) ||
    compareVersions(a.version, b.version) ||
    compareVersions(a.release, b.release)
  )
}

/**
 * rpm's order in a dependency such as `foo < 1.5`: an absent epoch is 0, and where one side has no
 * release, only the versions count.
 */
function compareToWanted(installed: Evr, wanted: Evr): number {
  const anyRelease = installed.release === '' || wanted.release === ''
  return anyRelease
    ? compareEvr({ ...installed, release: '' }, { ...wanted, release: '' })
    : compareEvr(installed, wanted)
}

export const rpmVersions: PackageManager = {
  name: 'rpm',
  parse: parseEvr,
  format: formatEvr,
  compare: compareEvr,
  compareToWanted,
}

/**
 * rpm's order of version strings (rpmio/rpmvercmp.c): runs of digits compare as numbers, runs of
 * letters by byte, digits are newer than letters, everything else only separates; `~` sorts before
 * the end of the string, `^` just after it.
 */
export function compareVersions(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0
  let i = 0
  let j = 0
  for (;;) {
    while (i < a.length && kindOf(a, i) === SEPARATOR) i++
    while (j < b.length && kindOf(b, j) === SEPARATOR) j++
    const left = kindOf(a, i)
    const right = kindOf(b, j)
    if (left === TILDE || right === TILDE) {
      if (left !== right) return left === TILDE ? -1 : 1
      i++
      j++
      continue
    }
    if (left === CARET || right === CARET) {
      if (left !== right && left === CARET) return right === END ? 1 : -1
      if (left !== right) return left === END ? -1 : 1
      i++
      j++
      continue
    }
    if (left === END || right === END) return left === right ? 0 : left === END ? -1 : 1
    if (left !== right) return left === DIGIT ? 1 : -1
    const [runA, runB] = [runEnd(a, i, left), runEnd(b, j, right)]
    const order =
      left === DIGIT
        ? compareDigits(a.slice(i, runA), b.slice(j, runB))
        : compareText(a.slice(i, runA), b.slice(j, runB))
    if (order !== 0) return order
    i = runA
    j = runB
  }
}

const END = 0
const SEPARATOR = 1
const DIGIT = 2
const LETTER = 3
const TILDE = 4
const CARET = 5

/** What stands at `i`. Letters and digits are those of ASCII, whatever the locale. */
function kindOf(text: string, i: number): number {
  const code = text.charCodeAt(i)
  if (Number.isNaN(code)) return END
  if (code >= 48 && code <= 57) return DIGIT
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122)) return LETTER
  return code === 126 ? TILDE : code === 94 ? CARET : SEPARATOR
}

function runEnd(text: string, start: number, kind: number): number {
  let end = start + 1
  while (kindOf(text, end) === kind) end++
  return end
}

function compareDigits(a: string, b: string): -1 | 0 | 1 {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  if (left.length !== right.length) return left.length < right.length ? -1 : 1
  return compareText(left, right)
}

function compareText(a: string, b: string): -1 | 0 | 1 {
  return a === b ? 0 : a < b ? -1 : 1
}
