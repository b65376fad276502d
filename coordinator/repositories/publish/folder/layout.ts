/**
 * Where things lie around a published target. Beside the link `…/latest` lies `.gen/latest/`, with
 * a folder for each generation: `tree/` is what the link points to, `MANIFEST` says what it is. The
 * leading dot keeps it apart from snapshots, whose names can't begin with one.
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

/** `17-0123456789abcdef`: the number, and the beginning of the tree's root hash. */
export function generationName(number: number, root: string): string {
  return `${number}-${root.slice(0, 16)}`
}

/** The number of a generation's folder; undefined for a name that is none. */
export function generationNumber(name: string): number | undefined {
  const match = NAME.exec(name)
  return match === null ? undefined : Number(match[1])
}

export function treeOf(layout: Layout, name: string): string {
  return join(layout.generations, name, 'tree')
}

/**
 * What the link of a generation says: relative, so that the folder can be moved or mounted
 * elsewhere.
 */
export function linkText(layout: Layout, name: string): string {
  return join(FOLDER, basename(layout.link), name, 'tree')
}

/** The generation that a link's text points to, if it is one of this target's. */
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

/** Beside a generation's tree: what was laid out, see record.ts. */
export const RECORD = 'CONTENT'

export type Purpose = 'building' | 'switch' | 'removing'
const TEMPORARY = new RegExp(`^(building|switch|removing)-(?:(${PROCESS_NAME})-)?[0-9a-f]{16}$`)

/**
 * A name below the generations folder for what is not finished, with the process that works on it.
 */
export function temporaryName(random: Random, purpose: Purpose): string {
  const owner = ownProcess()
  const dice = Buffer.from(random.bytes(8)).toString('hex')
  return owner === undefined ? `${purpose}-${dice}` : `${purpose}-${owner}-${dice}`
}

/**
 * Whether what has this name was left behind: its process has ended, or it was being removed.
 * Undefined where only its age can tell, because the process ran elsewhere or is hidden; false also
 * for a name that is none of ours.
 */
export function isLeftover(name: string): boolean | undefined {
  const match = TEMPORARY.exec(name)
  if (match === null) return false
  if (match[1] === 'removing') return true
  return match[2] === undefined ? undefined : hasEnded(match[2])
}
