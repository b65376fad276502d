/** Messages of `/muster/audit/1` and their bytes. */
import type { Case } from '../rpc/case.ts'

const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

export const cases: readonly Case[] = [
  {
    id: 'the newest note',
    method: 'checkpoint',
    part: 'response',
    message: { checkpoint: 'f/audit\n1\nAAAA\n\n— f/audit x\n' },
    hex: 'a16a636865636b706f696e74781e662f61756469740a310a414141410a0ae2809420662f617564697420780a',
  },
  {
    id: 'from the size that a host knows',
    method: 'consistency',
    part: 'request',
    message: { from: 3, to: 7 },
    hex: 'a262746f076466726f6d03',
  },
  {
    id: 'from nothing',
    method: 'consistency',
    part: 'request',
    message: { from: 0, to: 1 },
    hex: 'a262746f016466726f6d00',
  },
  {
    id: 'four hashes',
    method: 'consistency',
    part: 'response',
    message: { proof: [hash(1), hash(2), hash(3), hash(4)] },
    hex: `
      a16570726f6f66845820010101010101010101010101010101010101010101010101010101010101010158200202
      02020202020202020202020202020202020202020202020202020202020258200303030303030303030303030303
      03030303030303030303030303030303030358200404040404040404040404040404040404040404040404040404
      040404040404`,
  },
  {
    id: 'no hash is needed',
    method: 'consistency',
    part: 'response',
    message: { proof: [] },
    hex: 'a16570726f6f6680',
  },
  {
    id: 'the sixth of seven',
    method: 'inclusion',
    part: 'request',
    message: { index: 5, size: 7 },
    hex: 'a26473697a650765696e64657805',
  },
  {
    id: 'an entry and its path',
    method: 'inclusion',
    part: 'response',
    message: { entry: new Uint8Array([123, 125]), proof: [hash(5)] },
    hex: `
      a265656e747279427b7d6570726f6f66815820050505050505050505050505050505050505050505050505050505
      0505050505`,
  },
  {
    id: 'a whole bundle',
    method: 'entries',
    part: 'request',
    message: { from: 256, count: 256 },
    hex: 'a26466726f6d19010065636f756e74190100',
  },
  {
    id: 'two entries',
    method: 'entries',
    part: 'response',
    message: { entries: [new Uint8Array([1]), new Uint8Array([2, 3])] },
    hex: 'a167656e7472696573824101420203',
  },
]
