/** Formats times for people. Statements and JSON keep the original text. */

/** `both` is only for single values, because columns are too narrow. */
export type TimeStyle = 'absolute' | 'relative' | 'both'

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{1,9}Z$|^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

/** Formats `text` if it is a time. Other text is unchanged. */
export function shownTime(text: string, style: TimeStyle, now: number): string {
  const match = text.endsWith('Z') ? TIME.exec(text) : null
  if (match === null) return text
  const absolute = match[1] === undefined ? text : `${match[1]}Z`
  if (style === 'absolute') return absolute
  const relative = distance(Date.parse(text) - now)
  return style === 'relative' ? relative : `${absolute} (${relative})`
}

/** Formats a time with one unit: `3m ago`, `in 29d`. */
function distance(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1000)
  if (seconds < 1) return 'now'
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm'],
    [1, 's'],
  ] as const
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, 's']
  const amount = `${Math.floor(seconds / size)}${unit}`
  return ms < 0 ? `${amount} ago` : `in ${amount}`
}
