/**
 * Parses the command blocks of a Markdown page, and their expected output.
 *
 * A ```sh block contains commands as a reader copies them, without prompts. A command continues
 * after a final backslash, and to the end of a here-document. A ```text block right after it
 * contains the output of all its commands: `…` matches any text within a line; alone on a line it
 * matches any lines. A comment before a block contains options: `<!-- readme: host=web-1,
 * background, clone, needs=dnf, timeout=120 -->` or `<!-- readme: skip: reason -->`.
 */
export interface Command {
  /** Line of the page, starting at 1. */
  readonly line: number
  readonly text: string
}

export interface Block {
  readonly line: number
  readonly commands: readonly Command[]
  /** The lines of the text block that follows; empty if there is none. */
  readonly expected: readonly string[]
  /** The reason why the block isn't run. */
  readonly skip?: string
  /** The machine of the commands. Each has a separate home. */
  readonly host: string
  /** The last command runs until the page ends. The next block begins after it prints `ready`. */
  readonly background: boolean
  /**
   * A program that the block needs, such as a client of a distribution. If it isn't installed, the
   * block is skipped.
   */
  readonly needs?: string
  /** True to run the block in the clone instead of an empty folder. */
  readonly clone: boolean
  readonly timeoutMs: number
}

const DEFAULT_TIMEOUT_SECONDS = 60

/**
 * Parses every command block of the page. Throws an Error with the line for an unknown directive.
 */
export function readBlocks(page: string): Block[] {
  const lines = page.split('\n')
  const blocks: Block[] = []
  for (let index = 0; index < lines.length; index += 1) {
    if (!/^```sh\s*$/.test(lines[index] as string)) continue
    const end = endOf(lines, index)
    const directive = /^<!-- readme: (.*?) -->$/.exec(lines[index - 1] ?? '')?.[1] ?? ''
    blocks.push({
      line: index + 1,
      ...options(directive, index),
      commands: commandsOf(lines.slice(index + 1, end), index + 2),
      expected: outputAfter(lines, end),
    })
    index = end
  }
  return blocks
}

/** Returns the index of the line that ends the fence which begins at `start`. */
function endOf(lines: readonly string[], start: number): number {
  const end = lines.findIndex((line, at) => at > start && /^```\s*$/.test(line))
  if (end < 0) throw new Error(`line ${start + 1}: the block does not end`)
  return end
}

function outputAfter(lines: readonly string[], end: number): readonly string[] {
  const start = lines[end + 1] === '' ? end + 2 : end + 1
  if (!/^```text\s*$/.test(lines[start] ?? '')) return []
  return lines.slice(start + 1, endOf(lines, start))
}

type Options = Omit<Block, 'line' | 'commands' | 'expected'>

function options(directive: string, line: number): Options {
  const skip = /^skip: (.+)$/.exec(directive)?.[1]
  const result: { -readonly [K in keyof Options]: Block[K] } = {
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
    else throw new Error(`line ${line}: unknown directive ${word} of a command block`)
  }
  return result
}

function commandsOf(lines: readonly string[], first: number): Command[] {
  const commands: { line: number; text: string }[] = []
  /** The line that ends the open here-document. */
  let until: string | undefined
  let continued = false
  for (const [index, line] of lines.entries()) {
    const last = commands.at(-1)
    if (last !== undefined && (continued || until !== undefined)) last.text += `\n${line}`
    else if (line.trim() === '' || line.startsWith('#')) continue
    else commands.push({ line: first + index, text: line })
    if (until === undefined) until = /<<(\w+)/.exec(line)?.[1]
    else if (line === until) until = undefined
    continued = line.endsWith('\\')
  }
  return commands
}

/** Returns the difference between the output and the page. Undefined if they match. */
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
    ? 'the lines have another order, or there are more'
    : `no line matches ${JSON.stringify(missing)}`
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
