/**
 * What a host is and has installed: the set that facts are about. A set is always sorted and free
 * of repetitions, so one state of a host has one encoding, and the BLAKE3 of that encoding, its
 * *root*, is at the same time the blob id under which the whole set can be fetched.
 */
import { z } from 'zod'
import { blake3Of } from '../blake3/hash.ts'
import { canonicalJson, parseCanonicalJson } from '../canonical-json.ts'
import type { Json } from '../canonical-json.ts'
import type { BlobId } from '../ids.ts'
import { formatEvr, parseEvr } from '../packages/evr.ts'
import { KIB, MIB } from '../units.ts'
import { factsError } from './errors.ts'

/** A package manager's name. An open set: a newer agent may read one that is not known here. */
export type Manager = string
export const managerField = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+._-]{0,31}$/, 'expected the name of a package manager')

/**
 * One installed version of a package. Several versions of one name may be installed at once
 * (kernels, multi-arch).
 */
export interface FactPackage {
  readonly manager: Manager
  readonly name: string
  /** 0 where the package has none. */
  readonly epoch: number
  readonly version: string
  /** rpm's release, dpkg's revision; empty where there is none. */
  readonly release: string
  /**
   * As the package manager calls it (`x86_64`, `amd64`, `all`, `noarch`); empty for rpm's imported
   * keys.
   */
  readonly arch: string
}

/** What the host says of itself. Empty strings where the host doesn't know. */
export interface HostFacts {
  /** ID, VERSION_ID, PRETTY_NAME of os-release(5). */
  readonly id: string
  readonly version: string
  readonly name: string
  /** Release of the running kernel, `uname -r`. */
  readonly kernel: string
  /** Machine, `uname -m`. */
  readonly arch: string
  readonly hostname: string
}

export interface FactSet {
  readonly os: HostFacts
  readonly packages: readonly FactPackage[]
}

/** Ten times what the largest hosts have; a set of this size is some 10 MB. */
export const MAX_PACKAGES = 100_000
/** Of a name, a version or any other text: longer than any that a package manager accepts. */
export const MAX_TEXT = 512
/**
 * UTF-8 bytes of a package's name, architecture, version and release together. PostgreSQL refuses
 * index entries of more than 2704 bytes, and these are in one.
 */
export const MAX_PACKAGE_BYTES = 2 * KIB
/** The most bytes of an encoded set. */
export const MAX_SET_BYTES = 32 * MIB

/**
 * Any text but NUL, which PostgreSQL can't store and no package manager allows. Output
 * escapes it.
 */
export const factText = z.string().max(MAX_TEXT).refine(isText, 'expected no NUL')

const factSetSchema = z.strictObject({
  os: z.strictObject({
    id: factText,
    version: factText,
    name: factText,
    kernel: factText,
    arch: factText,
    hostname: factText,
  }),
  packages: z
    .array(
      z.strictObject({
        manager: managerField,
        name: factText.min(1),
        epoch: z.int().min(0),
        version: factText,
        release: factText,
        arch: factText,
      }),
    )
    .max(MAX_PACKAGES),
})

/**
 * A package as a manager prints it, with its version in one string, `[epoch:]version[-release]`.
 * Every package is made here, so that a version in one string and in three parts always mean the
 * same.
 */
export function factPackage(
  manager: Manager,
  name: string,
  arch: string,
  evr: string,
): FactPackage {
  return { manager, name, arch, ...parseEvr(evr) }
}

/**
 * A set of these packages in any order, repetitions dropped.
 * @throws facts.malformed if there are more than {@link MAX_PACKAGES}, or one that
 * {@link parseFactSet} would refuse
 */
export function factSet(os: HostFacts, packages: Iterable<FactPackage>): FactSet {
  const sorted = [...packages].sort(comparePackages)
  const unique = sorted.filter(
    (pkg, i) => i === 0 || comparePackages(sorted[i - 1] as FactPackage, pkg) !== 0,
  )
  if (unique.length > MAX_PACKAGES)
    throw malformed(`it has ${unique.length} packages, at most ${MAX_PACKAGES} are allowed`)
  const odd = unique.find((pkg) => packageFault(pkg) !== undefined)
  if (odd !== undefined)
    throw malformed(
      `${odd.manager} lists a package with an impossible name or version: ` +
        `${JSON.stringify(odd.name.slice(0, 80))}: ${packageFault(odd)}`,
    )
  return { os, packages: unique }
}

/**
 * The set's one encoding: canonical JSON `{"os":{…},"packages":[…]}`.
 * @throws facts.malformed if it is larger than MAX_SET_BYTES
 */
export function factSetBytes(set: FactSet): Uint8Array {
  const bytes = Buffer.from(canonicalJson(set as unknown as Json))
  if (bytes.length > MAX_SET_BYTES)
    throw malformed(`it has ${bytes.length} bytes, at most ${MAX_SET_BYTES} are allowed`)
  return bytes
}

/** BLAKE3 of {@link factSetBytes}: what `b3sum` prints for the set's encoding. */
export function rootOf(set: FactSet): BlobId {
  return blake3Of(factSetBytes(set))
}

/**
 * Reads an encoded set from another node.
 * @throws json.not-canonical, facts.malformed if it isn't exactly what {@link factSetBytes} writes
 * for some set
 */
export function parseFactSet(bytes: Uint8Array): FactSet {
  if (bytes.length > MAX_SET_BYTES)
    throw malformed(`it has ${bytes.length} bytes, at most ${MAX_SET_BYTES} are allowed`)
  const parsed = factSetSchema.safeParse(parseCanonicalJson(bytes, 'the package set'))
  if (!parsed.success)
    throw malformed(`${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`)
  const { packages } = parsed.data
  for (const [i, pkg] of packages.entries()) {
    const fault = packageFault(pkg)
    if (fault !== undefined) throw malformed(`package ${i}: ${fault}`)
    if (i > 0 && comparePackages(packages[i - 1] as FactPackage, pkg) >= 0)
      throw malformed(`package ${i} is out of order or there twice`)
    if (comparePackages(pkg, factPackage(pkg.manager, pkg.name, pkg.arch, formatEvr(pkg))) !== 0)
      throw malformed(`package ${i} has an ambiguous version`)
  }
  return parsed.data
}

/**
 * The order of a set: manager, name, arch, version, release by code unit; epochs by number. Zero
 * only for the same package.
 */
export function comparePackages(a: FactPackage, b: FactPackage): number {
  return (
    compareText(a.manager, b.manager) ||
    compareText(a.name, b.name) ||
    compareText(a.arch, b.arch) ||
    a.epoch - b.epoch ||
    compareText(a.version, b.version) ||
    compareText(a.release, b.release)
  )
}

/** True if both mean the same installed thing in perhaps another version. */
export function isSamePackage(a: FactPackage, b: FactPackage): boolean {
  return a.manager === b.manager && a.name === b.name && a.arch === b.arch
}

function malformed(reason: string): Error {
  return factsError('facts.malformed', { what: 'the package set', reason })
}

function isText(text: string): boolean {
  return text.length <= MAX_TEXT && !text.includes('\0')
}

/** UTF-8 has at most three bytes for each code unit of a text. */
const BYTES_PER_UNIT = 3

/** Why no set may have this package, in words that follow its name; undefined if a set may. */
export function packageFault(pkg: FactPackage): string | undefined {
  const { name, arch, version, release } = pkg
  if (name === '') return 'it has no name'
  for (const [what, text] of Object.entries({ name, arch, version, release }))
    if (!isText(text))
      return text.includes('\0')
        ? `its ${what} contains NUL`
        : `its ${what} has ${text.length} characters (at most ${MAX_TEXT} are allowed)`
  const text = name + arch + version + release
  if (text.length * BYTES_PER_UNIT <= MAX_PACKAGE_BYTES) return undefined
  const bytes = Buffer.byteLength(text)
  if (bytes <= MAX_PACKAGE_BYTES) return undefined
  return `its name and version have ${bytes} bytes (at most ${MAX_PACKAGE_BYTES} are allowed)`
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
