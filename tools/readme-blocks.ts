/**
 * Reads the console blocks of a Markdown page: what a reader would type, and what the page says
 * comes back.
 *
 * ```console blocks hold `$ command` lines, each followed by its expected output. A command goes on in lines that begin with `> `, as a shell
 * shows them (here-documents, a final backslash). `…` stands for any text within a line, a line of nothing else for any lines. A comment right
 * before a block says how it is run: `<!-- readme: host=web-1, background, clone, needs=dnf, timeout=120 -->` or
 * `<!-- readme: skip: reason -->`.
 */
export interface Command {
  /** Line of the page, from 1. */
  readonly line: number
  readonly text: string
  readonly expected: readonly string[]
}

export interface Block {
  readonly line: number
  readonly commands: readonly Command[]
  /** Why it is not run. */
  readonly skip?: string
  /** The machine that it is typed on; each has a home of its own. */
  readonly host: string
  /**
   * The last command goes on until the page ends; the next block begins once it printed `ready`.
   */
  readonly background: boolean
  /**
   * A program without which the block is left out: real clients of distributions, which a bare
   * machine does not have.
   */
  readonly needs?: string
  /** Run in the clone instead of an empty folder. */
  readonly clone: boolean
  readonly timeoutMs: number
}

const DEFAULT_TIMEOUT_SECONDS = 60

/**
 * Every console block of the page. Throws an Error with the line for a directive that means
 * nothing.
 */
export function readBlocks(page: string): Block[] {
  const lines = page.split('\n')
  const blocks: Block[] = []
  for (let index = 0; index < lines.length; index += 1) {
    if (!/^```console\s*$/.test(lines[index] as string)) continue
    const end = lines.findIndex((line, at) => at > index && /^```\s*$/.test(line))
    if (end < 0) throw new Error(`line ${index + 1}: the block does not end`)
    const directive = /^<!-- readme: (.*?) -->$/.exec(lines[index - 1] ?? '')?.[1] ?? ''
    blocks.push({
      line: index + 1,
      ...options(directive, index),
      commands: commandsOf(lines.slice(index + 1, end), index + 2),
    })
    index = end
  }
  return blocks
}

function options(directive: string, line: number): Omit<Block, 'line' | 'commands'> {
  const skip = /^skip: (.+)$/.exec(directive)?.[1]
  const result: { -readonly [K in keyof Omit<Block, 'line' | 'commands'>]: Block[K] } = {
    host: 'local',
    background: false,
    clone: false,
    timeoutMs: DEFAULT_TIMEOUT_SECONDS * 1000,
  }
  if (skip !== undefined) return { ...result, skip }
  for (const word of directive
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [key, value = ''] = word.split('=')
    if (key === 'host' && /^[a-z0-9-]+$/.test(value)) result.host = value
    else if (key === 'needs' && /^[a-z0-9_-]+$/.test(value)) result.needs = value
    else if (key === 'timeout' && /^\d+$/.test(value)) result.timeoutMs = Number(value) * 1000
    else if (word === 'background' || word === 'clone') result[word] = true
    else throw new Error(`line ${line}: ${word} is no directive of a console block`)
  }
  return result
}

function commandsOf(lines: readonly string[], first: number): Command[] {
  const commands: { line: number; text: string; expected: string[] }[] = []
  let open = false
  for (const [index, line] of lines.entries()) {
    const last = commands.at(-1)
    if (last !== undefined && (open || (line.startsWith('> ') && last.expected.length === 0)))
      last.text += `\n${line.replace(/^> /, '')}`
    else if (line.startsWith('$ '))
      commands.push({ line: first + index, text: line.slice(2), expected: [] })
    else if (last === undefined && line.trim() !== '')
      throw new Error(`line ${first + index}: a console block begins with "$ command"`)
    else last?.expected.push(line)
    open = (open || line.startsWith('$ ')) && line.endsWith('\\')
  }
  return commands
}

/** Undefined if the output is what the page says; else what is missing. */
export function difference(expected: readonly string[], output: string): string | undefined {
  const wanted = [...expected]
  while (wanted.at(-1)?.trim() === '') wanted.pop()
  if (wanted.length === 0) return undefined
  const lines = output.replace(/\n$/, '').split('\n')
  const source = wanted
    .map((line) =>
      line.trim() === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(escape).join('.*')}[ \\t]*\\n`,
    )
    .join('')
  if (new RegExp(`^${source}$`).test(`${lines.join('\n')}\n`)) return undefined
  const missing = wanted.find(
    (line) =>
      line.trim() !== '…' &&
      !lines.some((got) => new RegExp(`^${line.split('…').map(escape).join('.*')}\\s*$`).test(got)),
  )
  return missing === undefined
    ? 'the lines come in another order, or more come'
    : `nothing like ${JSON.stringify(missing)} came`
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
