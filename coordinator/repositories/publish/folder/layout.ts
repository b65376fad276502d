/**
 * The paths of a published target. Beside the link `…/latest`, the folder `.gen/latest/` has a
 * folder for each generation, with its files in `tree/` and a description in `MANIFEST`. Names of
 * snapshots can't begin with a dot.
 */
import { basename, dirname, join, normalize } from 'node:path'
import { hasEnded, ownProcess, PROCESS_NAME } from '../../../../shared/process-owner.ts'
import type { Random } from '../../../../shared/random.ts'

const FOLDER = '.gen'
const NAME = /^(\d{1,15})-([0-9a-f]{16})$/

export interface Layout {
  /** The link that clients use. */
  readonly link: string
  /** Folder of the link. */
  readonly parent: string
  /** Folder of all generations of this target. */
  readonly generations: string
}

export function layoutOf(link: string): Layout {
  const target = normalize(link).replace(/\/+$/, '')
  const parent = dirname(target)
  return { link: target, parent, generations: join(parent, FOLDER, basename(target)) }
}

/** Returns `17-0123456789abcdef`: the number, and the beginning of the tree's root hash. */
export function generationName(number: number, root: string): string {
  return `${number}-${root.slice(0, 16)}`
}

/** Returns the number in the name of a generation's folder; undefined for other names. */
export function generationNumber(name: string): number | undefined {
  const match = NAME.exec(name)
  return match === null ? undefined : Number(match[1])
}

export function treeOf(layout: Layout, name: string): string {
  return join(layout.generations, name, 'tree')
}

/** Returns the target of a generation's link. It is relative, so the folder can be moved. */
export function linkText(layout: Layout, name: string): string {
  return join(FOLDER, basename(layout.link), name, 'tree')
}

/** Returns the generation that a link leads to; undefined if it isn't one of this target. */
export function generationOfLink(layout: Layout, text: string): string | undefined {
  const parts = text.split('/')
  const name = parts[2]
  if (
    parts.length !== 4 ||
    parts[0] !== FOLDER ||
    parts[1] !== basename(layout.link) ||
    parts[3] !== 'tree'
  )
    return undefined
  return name !== undefined && generationNumber(name) !== undefined ? name : undefined
}

/** The record beside a generation's tree, see record.ts. */
export const RECORD = 'CONTENT'

export type Purpose = 'building' | 'switch' | 'removing'
const TEMPORARY = new RegExp(`^(building|switch|removing)-(?:(${PROCESS_NAME})-)?[0-9a-f]{16}$`)

/** Returns a temporary name below the generations folder, with this process's id if it is known. */
export function temporaryName(random: Random, purpose: Purpose): string {
  const owner = ownProcess()
  const dice = Buffer.from(random.bytes(8)).toString('hex')
  return owner === undefined ? `${purpose}-${dice}` : `${purpose}-${owner}-${dice}`
}

/**
 * True if a temporary folder is a leftover: its process has ended, or it was being removed. False
 * for other names. Undefined if the process isn't visible here, so that only the age can decide.
 */
export function isLeftover(name: string): boolean | undefined {
  const match = TEMPORARY.exec(name)
  if (match === null) return false
  if (match[1] === 'removing') return true
  return match[2] === undefined ? undefined : hasEnded(match[2])
}
