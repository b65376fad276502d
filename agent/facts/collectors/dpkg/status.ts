/**
 * Reads dpkg's status file format (deb-control paragraphs; dpkg's lib/dpkg/parse.c): for each
 * package its name, version, architecture and the three words of its status. Everything else is
 * skipped.
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

const FIELDS = ['package', 'status', 'version', 'architecture', 'multi-arch'] as const
type Fields = Partial<Record<(typeof FIELDS)[number], string>>

/**
 * The records of a status file, in its order.
 * @throws Error in words if the text isn't what dpkg writes
 */
export function parseDpkgStatus(text: string): DpkgRecord[] {
  const records: DpkgRecord[] = []
  let fields: Fields = {}
  let line = 0
  // dpkg refuses such a file, too. It ends every line before it gives a file its name.
  if (text !== '' && !text.endsWith('\n')) throw new Error('its last line is cut short')
  const flush = (): void => {
    if (Object.keys(fields).length > 0) records.push(recordOf(fields, line))
    fields = {}
  }
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    line += 1
    const first = text.charCodeAt(start)
    if (end === start) flush()
    else if (first !== BLANK && first !== TAB) readField(text.slice(start, end), fields, line)
    start = end + 1
  }
  flush()
  return records
}

const BLANK = 32
const TAB = 9

function readField(text: string, fields: Fields, line: number): void {
  const colon = text.indexOf(':')
  if (colon < 1) throw new Error(`line ${line} is not a field`)
  const name = text.slice(0, colon).toLowerCase()
  const known = FIELDS.find((field) => field === name)
  if (known === undefined) return
  if (fields[known] !== undefined) throw new Error(`line ${line} gives ${known} a second time`)
  fields[known] = text.slice(colon + 1).trim()
}

function recordOf(fields: Fields, line: number): DpkgRecord {
  const name = fields.package
  if (name === undefined || name === '')
    throw new Error(`the paragraph that ends at line ${line} names no package`)
  const words = (fields.status ?? 'unknown ok not-installed').split(/\s+/)
  const state = STATES.find((known) => known === words[2])
  if (words.length !== 3 || state === undefined)
    throw new Error(`${name} has the unknown status ${JSON.stringify(fields.status)}`)
  // dpkg itself refuses a file with such a record; without an architecture it only warns.
  const { version = '', architecture: arch = '' } = fields
  if (state === 'installed' && version === '')
    throw new Error(`${name} is installed without a version`)
  return { name, version, arch, state, sideBySide: fields['multi-arch'] === 'same' }
}
