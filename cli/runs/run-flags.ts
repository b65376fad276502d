/**
 * Flags that several commands about runs share. Apart from the code that obeys them, so that
 * declarations stay cheap.
 */
import type { FlagSpecs } from '../program/flags.ts'

export const localFlag = {
  local: {
    type: 'boolean',
    summary: "on this agent's own host, through its runner's socket: nothing is signed or logged",
  },
} as const satisfies FlagSpecs

export const rawFlag = {
  raw: {
    type: 'boolean',
    summary:
      'on a terminal too, bytes as they are: a hostile program may write what the terminal obeys',
  },
} as const satisfies FlagSpecs
