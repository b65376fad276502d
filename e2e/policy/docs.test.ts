/**
 * Checks that all names in the documents exist: paths, links, commands, flags, error codes,
 * statement fields, verbs, statuses and protocols. tools/docs.test.ts covers the generated pages,
 * and readme.test.ts runs the README's command blocks.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import type { Declaration } from '../../cli/program/command.ts'
import { flagName, type FlagSpecs } from '../../cli/program/flags.ts'
import { registry } from '../../cli/commands/index.ts'
import { globalFlags } from '../../cli/program/global-flags.ts'
import { TOPICS } from '../../cli/program/topics.ts'
import { TOPICS as GOSSIP } from '../../node/gossip.ts'
import { control } from '../../protocols/control/protocol.ts'
import { VERBS } from '../../protocols/control/verbs.ts'
import { STATUS } from '../../protocols/wire/status.ts'
import { ENTRY_TYPES } from '../../shared/audit/entry.ts'
import { KINDS, kindRow } from '../../shared/trust/kinds.ts'
import { allErrors } from '../../tools/docs-errors.ts'
import { root, sources } from '../../tools/sources.ts'
import { assertNone, placeOf } from './findings.ts'

/** The written documents and the generated ones. The generated texts come from the code. */
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...globSync(['docs/*.md', 'protocols/*/README.md', 'agent/*/README.md'], { cwd: root }),
].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
const written = (path: string): string =>
  DOCUMENTS.find((document) => document.path === path)?.text ?? ''

const PROJECT_PATH = new RegExp(
  '^(?:shared|protocols|node|coordinator|agent|cli|fixtures|e2e|bench|docs|tools|bin|\\.ci)' +
    '/[\\w./<>*…-]*$',
)

interface Named {
  readonly code: string
  /** `path:line`. */
  readonly place: string
}

/** Returns the texts between backticks, outside of fenced blocks. */
function inlineCode({ path, text }: { path: string; text: string }): Named[] {
  // Blocks are replaced by blank lines, so that line numbers stay the same.
  const prose = text.replace(/^```.*?^```/gms, (block) => block.replaceAll(/[^\n]/g, ' '))
  return [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => ({
    code: match[1] as string,
    place: placeOf({ path }, prose, match.index),
  }))
}

test('policy: every project path in a document or a comment exists', () => {
  const exists = (path: string): boolean => {
    if (!/[<*…]/.test(path)) return existsSync(join(root, path))
    return globSync(path.replaceAll(/<[^>]*>|…/g, '*'), { cwd: root }).length > 0
  }
  const named = DOCUMENTS.flatMap(inlineCode).filter(({ code }) => PROJECT_PATH.test(code))
  assert.ok(named.length > 100, `${named.length} paths were found`)
  const comments = sources().flatMap(({ path, text }) =>
    [...text.matchAll(/\bdocs\/[A-Z]+\.md\b/g)].map((match) => ({
      code: match[0],
      place: placeOf({ path }, text, match.index),
    })),
  )
  assertNone(
    [...named, ...comments]
      .filter(({ code }) => !exists(code))
      .map(({ place, code }) => `${place}: ${code} does not exist`),
    'name the path of today',
  )
})

/** Returns the anchors that GitHub makes from a page's headings. */
function anchors(text: string): Set<string> {
  return new Set(
    [...text.replace(/^```.*?^```/gms, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

test('policy: every link between documents leads to an existing page and heading', () => {
  const broken = DOCUMENTS.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(({ 1: link = '', index }) => {
      const found = [`${placeOf({ path }, text, index)}: ${link}`]
      if (/^[a-z]+:/.test(link)) return []
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : normalize(join(dirname(path), file))
      if (!existsSync(join(root, target))) return found
      if (anchor === undefined || anchors(readFileSync(join(root, target), 'utf8')).has(anchor))
        return []
      return found
    }),
  )
  assertNone(broken, 'name a page and a heading that exist')
})

/**
 * Returns the declaration of the words after `muster` and the number of words. Returns an error
 * text if there is none.
 */
async function commandOf(
  words: readonly string[],
): Promise<{ command: Declaration | undefined; depth: number } | string> {
  const [noun = '', verb = ''] = words
  if (noun === 'help')
    return verb === '' || verb in TOPICS
      ? { command: undefined, depth: 2 }
      : `no help topic ${verb}`
  const entry = Object.hasOwn(registry, noun) ? registry[noun] : undefined
  if (entry === undefined) return `no command ${noun}`
  if (!('verbs' in entry)) return { command: (await entry.command()).command, depth: 1 }
  const load = entry.verbs[verb]
  if (load !== undefined) return { command: (await load()).command, depth: 2 }
  return verb === '' || verb === '…' || verb.startsWith('-')
    ? { command: undefined, depth: 1 }
    : `no command ${noun} ${verb}`
}

async function faultOf(line: string): Promise<string | undefined> {
  const words = line
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/[,.:]$/, ''))
  if (words[0] === undefined || !/^[a-z]/.test(words[0])) return undefined
  const found = await commandOf(words)
  if (typeof found === 'string') return found
  const flags: FlagSpecs = { ...globalFlags, ...found.command?.flags }
  const known = new Set(['help', 'no-color', ...Object.keys(flags).map(flagName)])
  for (const word of words.slice(found.depth)) {
    // The next words belong to the remote program.
    if (word === '--') break
    const flag = /^--([a-z][a-z-]*)/.exec(word)?.[1]
    if (flag !== undefined && !known.has(flag))
      return `${words.slice(0, found.depth).join(' ')} has no --${flag}`
  }
  return undefined
}

test('policy: every command and flag in a document exists', async () => {
  const shown = DOCUMENTS.filter(({ path }) => path !== 'docs/ERRORS.md').flatMap(
    ({ path, text }) => {
      const inline = inlineCode({ path, text })
        .map(({ code }) => code)
        .filter((code) => /^(bin\/)?muster [a-z]/.test(code))
      const fenced = [...text.matchAll(/^```(?:console|sh|text|ini)\n(.*?)^```/gms)].flatMap(
        ([, block = '']) => block.split('\n'),
      )
      const typed = fenced.flatMap((line) =>
        [
          ...line.matchAll(
            /(?:^|[|;&$=(]\s*|\b(?:sudo|exec)\s.*?|\s|bin\/)muster ([a-z][^|;&>#),]*)/g,
          ),
        ].map((match) => `muster ${match[1]}`),
      )
      return [...inline, ...typed].map((line) => ({
        path,
        line: line.replace(/^(bin\/)?muster /, ''),
      }))
    },
  )
  assert.ok(shown.length > 100, `${shown.length} commands were found`)
  const wrong: string[] = []
  for (const { path, line } of shown) {
    const fault = await faultOf(line)
    if (fault !== undefined) wrong.push(`${path}: muster ${line}: ${fault}`)
  }
  assert.deepEqual(wrong, [])
})

test('policy: every command and flag in an error hint exists', async () => {
  const page = written('docs/ERRORS.md')
  const wrong: string[] = []
  for (const [, line = ''] of page.matchAll(/\bmuster ((?:[a-z]+ ?){1,2}(?: ?--[a-z-]+)*)/g)) {
    const [noun = ''] = line.split(' ')
    const fault = Object.hasOwn(registry, noun) ? await faultOf(line) : `no command ${noun}`
    if (fault !== undefined) wrong.push(`muster ${line}: ${fault}`)
  }
  assert.deepEqual(wrong, [])
  const flags = new Set(['no-color'])
  const add = (command: Declaration): void =>
    Object.keys(command.flags).forEach((key) => flags.add(flagName(key)))
  for (const key of Object.keys(globalFlags)) flags.add(flagName(key))
  for (const entry of Object.values(registry)) {
    if ('verbs' in entry) for (const load of Object.values(entry.verbs)) add((await load()).command)
    else add((await entry.command()).command)
  }
  assert.deepEqual(
    [...page.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)]
      .map((match) => match[1] as string)
      .filter((flag) => !flags.has(flag)),
    [],
  )
})

test('policy: every error code in a document is declared', async () => {
  const errors = await allErrors()
  const areas = new Set([...errors.keys()].map((code) => code.split('.')[0]))
  // Other words with a dot: methods, verbs, events.
  const others = new Set<string>([...Object.keys(VERBS), ...Object.keys(control.methods)])
  const named = DOCUMENTS.filter(({ path }) => !path.startsWith('protocols/'))
    .flatMap(inlineCode)
    .filter(
      ({ code }) =>
        /^[a-z-]+\.[a-z-]+$/.test(code) &&
        areas.has(code.split('.')[0]) &&
        !others.has(code) &&
        !/\.(example|md|ts|db|json|yaml|sock|log|lock|repo)$/.test(code),
    )
  const configured = written('docs/CONFIG.md')
  assertNone(
    named
      .filter(({ code }) => !errors.has(code) && !configured.includes(`| \`${code}\` |`))
      .map(({ place, code }) => `${place}: ${code} is not declared`),
    'name a code of docs/ERRORS.md',
  )
})

/**
 * Returns the names in the first column of a section's tables, without backticks. One cell may have
 * several names.
 */
function cellsOf(page: string, heading: string): string[] {
  const start = page.indexOf(`\n${heading}\n`)
  assert.notEqual(start, -1, heading)
  const level = /^#+/.exec(heading)?.[0].length as number
  const rest = page.slice(start + heading.length + 2)
  const end = rest.search(new RegExp(`^#{1,${level}} `, 'm'))
  const section = end < 0 ? rest : rest.slice(0, end)
  return [...section.matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string),
  )
}

test('policy: docs/PROTOCOLS.md lists exactly the fields of every statement', () => {
  const page = written('docs/PROTOCOLS.md')
  for (const kind of KINDS) {
    const { schema, type, scheme, namespace } = kindRow(kind)
    const { shape } = schema as unknown as { shape: Record<string, unknown> }
    assert.deepEqual(cellsOf(page, `### ${kind}`).sort(), Object.keys(shape).sort(), kind)
    const suffix = namespace === undefined ? '' : ` namespace \`${namespace}\``
    const head = `\`${type}\`, \`${scheme}\`,${suffix}`
    assert.ok(page.replaceAll('\n', ' ').includes(head), head)
  }
})

test('policy: docs/PROTOCOLS.md lists exactly the protocols, verbs, statuses and topics', () => {
  const page = written('docs/PROTOCOLS.md')
  const folders = readdirSync(join(root, 'protocols'), { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !['wire', 'rpc'].includes(entry.name),
  )
  assert.deepEqual(
    cellsOf(page, '## The protocols')
      .filter((cell) => cell.startsWith('/muster/'))
      .sort(),
    folders.map(({ name }) => `/muster/${name}/1`).sort(),
  )
  assert.deepEqual(cellsOf(page, '### control').sort(), Object.keys(VERBS).sort())
  assert.deepEqual(cellsOf(page, '### Statuses'), Object.keys(STATUS))
  for (const [status, meaning] of Object.entries(STATUS))
    assert.ok(page.includes(`| \`${status}\` | ${meaning} |`), status)
  assert.deepEqual(cellsOf(page, '## Gossip').sort(), [...GOSSIP].sort())
  for (const type of ENTRY_TYPES) assert.ok(cellsOf(page, '### Entries').includes(type), type)
})
