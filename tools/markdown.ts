/** Formats parts of the generated pages: table cells, and prose wrapped at 100 columns. */

const WIDTH = 100

/**
 * Returns the text as a cell of a table. A placeholder such as `<host>` becomes a code span,
 * because Markdown would read it as HTML. A bar is escaped, because it would end the cell.
 */
export function cell(text: string): string {
  return text
    .replace(/`[^`]*`|<[a-z][a-z-]*>/g, (part) => (part.startsWith('`') ? part : `\`${part}\``))
    .replaceAll('|', '\\|')
}

/** Wraps paragraphs and list items. Code blocks, tables and headings stay as they are. */
export function wrapProse(page: string): string {
  let inCode = false
  return page
    .split('\n')
    .map((line) => {
      if (line.startsWith('```')) inCode = !inCode
      return inCode || /^[|#<`]{1,3}[|#!`\s]/.test(line) ? line : wrapLine(line)
    })
    .join('\n')
}

/** Keeps each code span on one line. No line begins with a mark that would start a list. */
function wrapLine(line: string): string {
  if (line.length <= WIDTH) return line
  const indent = line.startsWith('- ') ? '  ' : ''
  const words = line.match(/(?:`[^`]*`|[^\s`])+(?: (?:[-+*#>]|\d+\.)(?= |$))*/g) ?? []
  const lines: string[] = []
  let current = ''
  for (const word of words) {
    const longer = current === '' ? word : `${current} ${word}`
    if (longer.length <= WIDTH || current === '') {
      current = longer
      continue
    }
    lines.push(current)
    current = indent + word
  }
  return [...lines, current].join('\n')
}
