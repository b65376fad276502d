/**
 * Parses dpkg's status file (deb-control paragraphs; dpkg's lib/dpkg/parse.c): name, version,
 * architecture and status of each package. Other fields are skipped. A record that can't be read
 * becomes a fault, and the parser continues. dpkg would stop.
 */

/** The third word of `Status:`. dpkg has no other words (lib/dpkg/dpkg-db.h, enum pkgstatus). */
const STATES = [
  'not-installed',
  'config-files',
  'half-installed',
  'unpacked',
  'half-configured',
  'triggers-awaited',
  'triggers-pending',
  'installed',
] as const
export type DpkgState = (typeof STATES)[number]

export interface DpkgRecord {
  readonly name: string
  readonly version: string
  readonly arch: string
  readonly state: DpkgState
  /** `Multi-Arch: same`: other architectures may be installed at the same time. */
  readonly sideBySide: boolean
}

/** A record that can't be read. */
export interface DpkgFault {
  /** The package, or undefined if the record doesn't name exactly one. */
  readonly name: string | undefined
  /** The text after the package's name. */
  readonly reason: string
}

export interface DpkgStatus {
  readonly records: readonly DpkgRecord[]
  readonly faults: readonly DpkgFault[]
}

const FIELDS = ['package', 'status', 'version', 'revision', 'architecture', 'multi-arch'] as const
type Field = (typeof FIELDS)[number]
/** Old names of fields. dpkg still reads them. */
const OLD_NAMES: Readonly<Record<string, Field>> = {
  'package-revision': 'revision',
  package_revision: 'revision',
}

/** A paragraph that is being read. */
interface Paragraph {
  readonly fields: Partial<Record<Field, string>>
  lines: number
  /** The first problem of its lines. */
  fault?: string
}

const BLANK = 32
const TAB = 9

/**
 * Parses the records of a status file, in their order.
 * @throws Error with a reason if the file is cut short
 */
export function parseDpkgStatus(text: string): DpkgStatus {
  const records: DpkgRecord[] = []
  const faults: DpkgFault[] = []
  let paragraph: Paragraph = { fields: {}, lines: 0 }
  let line = 0
  // dpkg refuses such a file too. dpkg writes all lines before it renames the file.
  if (text !== '' && !text.endsWith('\n')) throw new Error('its last line is cut short')
  const flush = (): void => {
    if (paragraph.lines > 0) {
      const read = recordOf(paragraph, line)
      if ('reason' in read) faults.push(read)
      else records.push(read)
    }
    paragraph = { fields: {}, lines: 0 }
  }
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    line += 1
    const first = text.charCodeAt(start)
    if (end === start) flush()
    else if (first !== BLANK && first !== TAB) readField(text.slice(start, end), paragraph, line)
    start = end + 1
  }
  flush()
  return { records, faults }
}

/** Reads a line into the paragraph. dpkg allows blanks before the colon, but not in the name. */
function readField(text: string, paragraph: Paragraph, line: number): void {
  paragraph.lines += 1
  const colon = text.indexOf(':')
  const written = text.slice(0, Math.max(colon, 0)).trimEnd()
  if (written === '' || /\s/.test(written)) {
    paragraph.fault ??= `line ${line} is not a field`
    return
  }
  const lower = written.toLowerCase()
  const known = FIELDS.find((field) => field === lower) ?? OLD_NAMES[lower]
  if (known === undefined) return
  if (paragraph.fields[known] !== undefined)
    paragraph.fault ??= `line ${line} gives ${known} a second time`
  else paragraph.fields[known] = text.slice(colon + 1).trim()
}

function recordOf({ fields, fault }: Paragraph, line: number): DpkgRecord | DpkgFault {
  // dpkg writes names in lower case.
  const name = fields.package?.toLowerCase()
  if (name === undefined || name === '')
    return { name: undefined, reason: `the record that ends at line ${line} has no package name` }
  const state = stateOf(fields.status)
  const wrong = fault ?? faultOf(fields, state)
  if (wrong !== undefined || state === undefined)
    return { name, reason: `has a record that can't be read: ${wrong}` }
  const { architecture: arch = '', revision = '' } = fields
  const version = `${fields.version ?? ''}${revision === '' ? '' : `-${revision}`}`
  return { name, version, arch, state, sideBySide: fields['multi-arch'] === 'same' }
}

/**
 * Parses a status of three words in upper or lower case. A record without a status was never
 * installed.
 */
function stateOf(status = 'unknown ok not-installed'): DpkgState | undefined {
  const words = status.toLowerCase().split(/\s+/)
  return words.length === 3 ? STATES.find((known) => known === words[2]) : undefined
}

/** The number of characters of a value that a text shows. */
const SHOWN_CHARS = 80

/**
 * Returns the fault for which dpkg refuses a record. dpkg only warns about an invalid architecture.
 */
function faultOf(fields: Paragraph['fields'], state: DpkgState | undefined): string | undefined {
  if (state === undefined)
    return `its status is unknown: ${JSON.stringify(fields.status?.slice(0, SHOWN_CHARS))}`
  if (state === 'installed' && (fields.version ?? '') === '')
    return 'it is installed without a version'
  return undefined
}
