/** Times as people read them. Values of statements and of JSON stay as they are. */

/** `both` is for a single value, which has the room. */
export type TimeStyle = 'absolute' | 'relative' | 'both'

const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{1,9}Z$|^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

/** `text` in the style if it is a time, else as it is. */
export function shownTime(text: string, style: TimeStyle, now: number): string {
  const match = text.endsWith('Z') ? TIME.exec(text) : null
  if (match === null) return text
  const absolute = match[1] === undefined ? text : `${match[1]}Z`
  if (style === 'absolute') return absolute
  const relative = distance(Date.parse(text) - now)
  return style === 'relative' ? relative : `${absolute} (${relative})`
}

/** `3m ago`, `in 29d`, in one unit. */
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
