/**
 * Versions as dpkg compares them, by deb-version(7). {@link compareText} returns what dpkg's
 * `verrevcmp` returns. The tests compare it with dpkg's results for some hundred pairs.
 */
import { formatEvr, parseEvr } from './evr.ts'
import type { PackageManager, PackageVersion } from './manager.ts'

/**
 * Returns a negative number if `a` is older than `b`, a positive one if newer, 0 if dpkg treats
 * them as the same. An absent revision is the revision 0.
 */
export function compareDpkg(a: PackageVersion, b: PackageVersion): number {
  return (
    Math.sign(a.epoch - b.epoch) ||
    compareText(a.version, b.version) ||
    compareText(a.release, b.release)
  )
}

/** In a condition too, an absent revision is the revision 0. */
export const dpkgVersions: PackageManager = {
  name: 'dpkg',
  parse: parseEvr,
  format: formatEvr,
  formatPackage: (each) => `${each.name}_${formatEvr(each)}_${each.arch}`,
  compare: compareDpkg,
  compareToWanted: compareDpkg,
}

/**
 * Compares upstream versions or revisions in dpkg's order (lib/dpkg/version.c). Text and numbers
 * alternate. Characters of text have this order: `~`, the end, letters, all others. An absent
 * number is 0.
 */
export function compareText(a: string, b: string): -1 | 0 | 1 {
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    while (isText(a, i) || isText(b, j)) {
      const [left, right] = [orderOf(a, i), orderOf(b, j)]
      if (left !== right) return left < right ? -1 : 1
      i++
      j++
    }
    const [endA, endB] = [numberEnd(a, i), numberEnd(b, j)]
    const order = compareNumbers(a.slice(i, endA), b.slice(j, endB))
    if (order !== 0) return order
    i = endA
    j = endB
  }
  return 0
}

function isText(text: string, i: number): boolean {
  return i < text.length && !isDigit(text.charCodeAt(i))
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Added to the codes of other characters, so that they sort after every letter. */
const OTHERS = 0x10000

/** Returns the order of a character. A digit counts as the end of the text. */
function orderOf(text: string, i: number): number {
  const code = text.charCodeAt(i)
  if (Number.isNaN(code) || isDigit(code)) return 0
  if (code === 126) return -1
  const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
  return isLetter ? code : code + OTHERS
}

function numberEnd(text: string, start: number): number {
  let end = start
  while (isDigit(text.charCodeAt(end))) end++
  return end
}

function compareNumbers(a: string, b: string): -1 | 0 | 1 {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  if (left.length !== right.length) return left.length < right.length ? -1 : 1
  return left === right ? 0 : left < right ? -1 : 1
}
