/** Messages of `/muster/blobs/1` and their bytes. */
import type { Case } from '../rpc/case.ts'

export const cases: readonly Case[] = [
  {
    id: 'a range',
    method: 'fetch',
    part: 'request',
    message: { id: 'ab'.repeat(32), size: 100_000, start: 16_384, end: 32_768 },
    hex: `
      a4626964784061626162616261626162616261626162616261626162616261626162616261626162616261626162
      61626162616261626162616261626162616261626162616263656e641980006473697a651a000186a06573746172
      74194000`,
  },
  {
    id: 'an empty blob',
    method: 'fetch',
    part: 'request',
    message: { id: 'ab'.repeat(32), size: 0, start: 0, end: 0 },
    hex: `
      a4626964784061626162616261626162616261626162616261626162616261626162616261626162616261626162
      61626162616261626162616261626162616261626162616263656e64006473697a650065737461727400`,
  },
  {
    id: 'the length of the encoding',
    method: 'fetch',
    part: 'response',
    message: { bytes: 16_648 },
    hex: 'a1656279746573194108',
  },
  {
    id: 'one id',
    method: 'have',
    part: 'request',
    message: { ids: ['ab'.repeat(32)] },
    hex: `
      a1636964738178406162616261626162616261626162616261626162616261626162616261626162616261626162
      6162616261626162616261626162616261626162616261626162`,
  },
  {
    id: 'nothing, all of one, a part of another',
    method: 'have',
    part: 'response',
    message: { holdings: [{}, { size: 5 }, { size: 65_536, ranges: [{ start: 0, end: 16_384 }] }] },
    hex: `
      a168686f6c64696e677383a0a16473697a6505a26473697a651a000100006672616e67657381a263656e64194000
      65737461727400`,
  },
]
