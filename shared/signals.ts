/**
 * Converts names and numbers of Linux signals, including real-time signals, for which Node has no
 * names.
 */
import { constants } from 'node:os'

/** The first real-time signal that a program may use. glibc reserves 32 and 33 (signal(7)). */
const FIRST_REAL_TIME = 34
const LAST_REAL_TIME = 64

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    // SIGIOT and SIGPOLL are second names of SIGABRT and SIGIO.
    .toReversed()
    .map(([name, number]) => [number, name]),
)

/** Returns `SIGTERM`, `SIGRTMIN+3`, or `SIG32` for a number without a name. */
export function signalName(number: number): string {
  if (number === LAST_REAL_TIME) return 'SIGRTMAX'
  if (number === FIRST_REAL_TIME) return 'SIGRTMIN'
  if (number > FIRST_REAL_TIME && number < LAST_REAL_TIME)
    return `SIGRTMIN+${number - FIRST_REAL_TIME}`
  return NAMES.get(number) ?? `SIG${number}`
}

const SIGNALS: Readonly<Record<string, number>> = constants.signals

/**
 * Returns the number of a name as {@link signalName} formats it, or of `SIGRTMAX-1`. Undefined for
 * any other text.
 */
export function signalNumber(name: string): number | undefined {
  if (Object.hasOwn(constants.signals, name)) return SIGNALS[name]
  const [, end, sign, offset = '0'] = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? []
  const plain = /^SIG(\d{1,2})$/.exec(name)?.[1]
  if (plain !== undefined) return within(Number(plain), 1)
  if (end === undefined) return undefined
  // RTMIN-1 and RTMAX+1 are outside.
  if (sign !== undefined && (end === 'MIN') !== (sign === '+')) return undefined
  const number = end === 'MIN' ? FIRST_REAL_TIME + Number(offset) : LAST_REAL_TIME - Number(offset)
  return within(number, FIRST_REAL_TIME)
}

function within(number: number, first: number): number | undefined {
  return number >= first && number <= LAST_REAL_TIME ? number : undefined
}
