/**
 * Reads dpkg's status file format (deb-control paragraphs; dpkg's lib/dpkg/parse.c): for each
 * package its name, version, architecture and the three words of its status. Everything else is
 * skipped. A record that can't be read is a fault beside the others, also where dpkg gives up.
 */

/** The third word of `Status:`; dpkg knows no others (lib/dpkg/dpkg-db.h, enum pkgstatus). */
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
  /** `Multi-Arch: same`: other architectures of it may be there at the same time. */
  readonly sideBySide: boolean
}

/** A record that can't be read. */
export interface DpkgFault {
  /** The package that it is about; undefined where it names none, or more than one. */
  readonly name: string | undefined
  /** In words that follow the package's name. */
  readonly reason: string
}

export interface DpkgStatus {
  readonly records: readonly DpkgRecord[]
  readonly faults: readonly DpkgFault[]
}

const FIELDS = ['package', 'status', 'version', 'revision', 'architecture', 'multi-arch'] as const
type Field = (typeof FIELDS)[number]
/** Names that dpkg still reads as another. */
const OLD_NAMES: Readonly<Record<string, Field>> = {
  'package-revision': 'revision',
  package_revision: 'revision',
}

/** A paragraph as far as it was read. */
interface Paragraph {
  readonly fields: Partial<Record<Field, string>>
  lines: number
  /** The first thing that is wrong with its lines. */
  fault?: string
}

const BLANK = 32
const TAB = 9

/**
 * The records of a status file, in its order.
 * @throws Error in words if the file is cut short
 */
export function parseDpkgStatus(text: string): DpkgStatus {
  const records: DpkgRecord[] = []
  const faults: DpkgFault[] = []
  let paragraph: Paragraph = { fields: {}, lines: 0 }
  let line = 0
  // dpkg refuses such a file, too. It ends every line before it gives a file its name.
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

/** Reads a line into the paragraph, as dpkg does: blanks may stand before the colon, not inside. */
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
  // dpkg writes names in lower case, however a package's own file spells them.
  const name = fields.package?.toLowerCase()
  if (name === undefined || name === '')
    return { name: undefined, reason: `the record that ends at line ${line} names no package` }
  const state = stateOf(fields.status)
  const wrong = fault ?? faultOf(fields, state)
  if (wrong !== undefined || state === undefined)
    return { name, reason: `has a record that can't be read: ${wrong}` }
  const { architecture: arch = '', revision = '' } = fields
  const version = `${fields.version ?? ''}${revision === '' ? '' : `-${revision}`}`
  return { name, version, arch, state, sideBySide: fields['multi-arch'] === 'same' }
}

/** Three words in any case; a record without them was never installed. */
function stateOf(status = 'unknown ok not-installed'): DpkgState | undefined {
  const words = status.toLowerCase().split(/\s+/)
  return words.length === 3 ? STATES.find((known) => known === words[2]) : undefined
}

/** Characters of a value that are shown. */
const SHOWN_CHARS = 80

/** What dpkg refuses of a record: it only warns of an architecture that is absent or odd. */
function faultOf(fields: Paragraph['fields'], state: DpkgState | undefined): string | undefined {
  if (state === undefined)
    return `its status is unknown: ${JSON.stringify(fields.status?.slice(0, SHOWN_CHARS))}`
  if (state === 'installed' && (fields.version ?? '') === '')
    return 'it is installed without a version'
  return undefined
}
