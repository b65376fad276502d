/**
 * Encodes a host and its installed packages as a set. A set is sorted and has no duplicates, so one
 * state of a host has one encoding. The BLAKE3 of the encoding, its *root*, is also the blob id of
 * the set.
 */
import { z } from 'zod'
import { blake3Of } from '../blake3/hash.ts'
import { canonicalJson, parseCanonicalJson } from '../canonical-json.ts'
import type { BlobId } from '../ids.ts'
import { formatEvr, parseEvr } from '../packages/evr.ts'
import { KIB, MIB } from '../units.ts'
import { factsError } from './errors.ts'

/** A package manager's name. A newer agent may send names that are unknown here. */
export type Manager = string
export const managerField = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+._-]{0,31}$/, 'expected the name of a package manager')

/**
 * One installed version of a package. Several versions of one name may be installed at once
 * (kernels, multi-arch).
 */
export type FactPackage = {
  readonly manager: Manager
  readonly name: string
  /** 0 if the package has none. */
  readonly epoch: number
  readonly version: string
  /** rpm's release or dpkg's revision. Empty if there is none. */
  readonly release: string
  /**
   * The package manager's name of the architecture (`x86_64`, `amd64`, `all`, `noarch`). Empty for
   * keys that rpm imported.
   */
  readonly arch: string
}

/** The host itself. A value that is unknown is an empty string. */
export type HostFacts = {
  /** The fields ID, VERSION_ID and PRETTY_NAME of os-release(5). */
  readonly id: string
  readonly version: string
  readonly name: string
  /** The release of the running kernel, as in `uname -r`. */
  readonly kernel: string
  /** The machine, as in `uname -m`. */
  readonly arch: string
  readonly hostname: string
}

export type FactSet = {
  readonly os: HostFacts
  readonly packages: readonly FactPackage[]
}

/** The largest hosts have a tenth of this number. A set of this size has about 10 MB. */
export const MAX_PACKAGES = 100_000
/**
 * The maximum number of characters of a name, a version or any other text. Package managers accept
 * fewer.
 */
export const MAX_TEXT = 512
/**
 * The maximum number of UTF-8 bytes of a package's name, architecture, version and release
 * together. They are in one index, and PostgreSQL refuses index entries of more than 2704 bytes.
 */
export const MAX_PACKAGE_BYTES = 2 * KIB
/** The maximum number of bytes of an encoded set. */
export const MAX_SET_BYTES = 32 * MIB

/** Text without NUL, which PostgreSQL can't store and package managers don't allow. */
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
 * Creates a package from a manager's text, with its version as `[epoch:]version[-release]`. All
 * packages are created here, so that the version as one text always equals its three parts.
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
 * Creates the set of these packages, which may have any order. Duplicates are dropped.
 * @throws facts.malformed if there are more than {@link MAX_PACKAGES}, or one that {@link
 * parseFactSet} would refuse
 */
export function factSet(os: HostFacts, packages: Iterable<FactPackage>): FactSet {
  const sorted = [...packages].sort(comparePackages)
  const unique = sorted.filter((pkg, i) => {
    const previous = sorted[i - 1]
    return previous === undefined || comparePackages(previous, pkg) !== 0
  })
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
 * Returns the set's only encoding: canonical JSON `{"os":{…},"packages":[…]}`.
 * @throws facts.malformed if it is larger than MAX_SET_BYTES
 */
export function factSetBytes(set: FactSet): Uint8Array {
  const bytes = Buffer.from(canonicalJson(set))
  if (bytes.length > MAX_SET_BYTES)
    throw malformed(`it has ${bytes.length} bytes, at most ${MAX_SET_BYTES} are allowed`)
  return bytes
}

/**
 * Returns the BLAKE3 of {@link factSetBytes}, which is the output of `b3sum` for the set's
 * encoding.
 */
export function rootOf(set: FactSet): BlobId {
  return blake3Of(factSetBytes(set))
}

/**
 * Parses an encoded set of another node.
 * @throws json.not-canonical, facts.malformed unless it is a possible output of {@link
 * factSetBytes}
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
    const previous = packages[i - 1]
    if (previous !== undefined && comparePackages(previous, pkg) >= 0)
      throw malformed(`package ${i} is out of order or a duplicate`)
    if (comparePackages(pkg, factPackage(pkg.manager, pkg.name, pkg.arch, formatEvr(pkg))) !== 0)
      throw malformed(`package ${i} has an ambiguous version`)
  }
  return parsed.data
}

/**
 * Compares in the order of a set: manager, name, arch, version and release by code unit, and epochs
 * by number. Returns zero only for the same package.
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

/** True for two versions of the same package. */
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

/**
 * Returns the reason why a set can't have this package, as text after its name. Undefined if it
 * can.
 */
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
