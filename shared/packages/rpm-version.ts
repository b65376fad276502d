/**
 * Versions as rpm compares them. {@link compareVersions} returns for every pair of strings what
 * rpm's `rpmvercmp` returns. The tests compare it with rpm's results for some thousand pairs.
 */
import { formatEvr, parseEvr } from './evr.ts'
import type { PackageManager, PackageVersion } from './manager.ts'

/** Negative if `a` is older than `b`, positive if newer, 0 if rpm treats them as the same. */
export function compareEvr(a: PackageVersion, b: PackageVersion): number {
  return (
    Math.sign(a.epoch - b.epoch) ||
    compareVersions(a.version, b.version) ||
    compareVersions(a.release, b.release)
  )
}

/**
 * Compares in rpm's order for a dependency such as `foo < 1.5`. An absent epoch is 0. If one side
 * has no release, the releases are not compared.
 */
function compareToWanted(installed: PackageVersion, wanted: PackageVersion): number {
  const anyRelease = installed.release === '' || wanted.release === ''
  return anyRelease
    ? compareEvr({ ...installed, release: '' }, { ...wanted, release: '' })
    : compareEvr(installed, wanted)
}

export const rpmVersions: PackageManager = {
  name: 'rpm',
  parse: parseEvr,
  format: formatEvr,
  formatPackage: (each) => `${each.name}-${formatEvr(each)}.${each.arch}`,
  compare: compareEvr,
  compareToWanted,
}

/**
 * Compares version strings in rpm's order (rpmio/rpmvercmp.c). Digits compare as numbers, letters
 * by byte, and digits are newer than letters. `~` sorts before the end of the string, `^` just
 * after it. All other characters are separators.
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

/** Returns the kind of the character at `i`. Only ASCII letters and digits count as such. */
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
