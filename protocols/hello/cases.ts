/** Messages of `/muster/hello/1` and their bytes. */
import type { Case } from '../rpc/case.ts'

const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const certificate = {
  statement: fill(2, 0x7b),
  scheme: 'dsse',
  key: fill(32, 1),
  signature: fill(64, 2),
}

export const cases: readonly Case[] = [
  {
    id: 'a stranger, who has no certificate',
    method: 'greet',
    part: 'request',
    message: { capability: 1, at: 1_790_000_000_000, version: '0.1.0' },
    hex: 'a36261741b000001a0c4506c006776657273696f6e65302e312e306a6361706162696c69747901',
  },
  {
    id: 'a member',
    method: 'greet',
    part: 'request',
    message: { certificate, capability: 1, at: 1_790_000_000_000, version: '0.1.0' },
    hex: `
      a46261741b000001a0c4506c006776657273696f6e65302e312e306a6361706162696c697479016b636572746966
      6963617465a4636b6579582001010101010101010101010101010101010101010101010101010101010101016673
      6368656d656464737365697369676e61747572655840020202020202020202020202020202020202020202020202
      02020202020202020202020202020202020202020202020202020202020202020202020202020202697374617465
      6d656e74427b7b`,
  },
  {
    id: 'a response that accepts the peer',
    method: 'greet',
    part: 'response',
    message: { certificate, capability: 1, at: 0, version: '' },
    hex: `
      a4626174006776657273696f6e606a6361706162696c697479016b6365727469666963617465a4636b6579582001
      0101010101010101010101010101010101010101010101010101010101010166736368656d656464737365697369
      676e6174757265584002020202020202020202020202020202020202020202020202020202020202020202020202
      0202020202020202020202020202020202020202020202020202026973746174656d656e74427b7b`,
  },
  {
    id: 'a response that refuses the peer',
    method: 'greet',
    part: 'response',
    message: { capability: 1, at: 0, version: '0.1.0', refused: 'trust.expired' },
    hex: `
      a46261740067726566757365646d74727573742e657870697265646776657273696f6e65302e312e306a63617061
      62696c69747901`,
  },
]
