/** Messages of `/muster/control/1` about the log and blobs, and their bytes. */
import type { Case } from '../../rpc/case.ts'
import { fill, agent, operation, blob, at, later, operator } from './samples.ts'

export const auditCases: readonly Case[] = [
  {
    id: 'a page of the log',
    method: 'audit.log',
    part: 'request',
    message: { from: 0, count: 100 },
    hex: 'a26466726f6d0065636f756e741864',
  },
  {
    id: 'the entries of one actor',
    method: 'audit.log',
    part: 'request',
    message: { from: 5, count: 1, actor: 'olive' },
    hex: 'a36466726f6d05656163746f72656f6c69766565636f756e7401',
  },
  {
    id: 'an intent and the root before it',
    method: 'audit.log',
    part: 'response',
    message: {
      entries: [
        {
          index: 0,
          at,
          type: 'root',
          operation: null,
          actor: { fingerprint: operator, name: 'olive' },
          verb: null,
          targets: [],
          arguments: '{}',
          result: null,
        },
        {
          index: 1,
          at: later,
          type: 'outcome',
          operation,
          actor: { fingerprint: operator, name: 'web-1' },
          verb: 'run.start',
          targets: [agent],
          arguments: '{"command":["true"]}',
          result: 'done',
        },
      ],
      size: 2,
    },
    hex: `
      a26473697a650267656e747269657382a96261747818323032362d30312d33315430383a30303a30302e3030305a
      647479706564726f6f746476657262f6656163746f72a2646e616d65656f6c6976656b66696e6765727072696e74
      78325348413235363a41414141414141414141414141414141414141414141414141414141414141414141414141
      41414141414165696e6465780066726573756c74f667746172676574738069617267756d656e7473627b7d696f70
      65726174696f6ef6a96261747818323032362d30312d33315430383a30303a30312e3030305a6474797065676f75
      74636f6d6564766572626972756e2e7374617274656163746f72a2646e616d65657765622d316b66696e67657270
      72696e7478325348413235363a414141414141414141414141414141414141414141414141414141414141414141
      4141414141414141414165696e6465780166726573756c7464646f6e656774617267657473817824336630633165
      36612d366135352d346333622d396634652d30643961326231633765313069617267756d656e7473747b22636f6d
      6d616e64223a5b2274727565225d7d696f7065726174696f6e782430313939303030302d303030302d373030302d
      383030302d303030303030303030306666`,
  },
  {
    id: 'a sound log',
    method: 'audit.verify',
    part: 'response',
    message: { size: 2, root: 'cd'.repeat(32), signer: 'c', openIntents: 0, checkpoint: 'note' },
    hex: `
      a564726f6f7478406364636463646364636463646364636463646364636463646364636463646364636463646364
      63646364636463646364636463646364636463646364636463646473697a6502667369676e657261636a63686563
      6b706f696e74646e6f74656b6f70656e496e74656e747300`,
  },
  {
    id: 'the proof of one entry',
    method: 'audit.prove',
    part: 'request',
    message: { index: 1 },
    hex: 'a165696e64657801',
  },
  {
    id: 'the proof',
    method: 'audit.prove',
    part: 'response',
    message: { index: 1, size: 2, entry: fill(2, 0x7b), proof: [fill(32, 5)], checkpoint: 'note' },
    hex: `
      a56473697a650265656e747279427b7b65696e646578016570726f6f668158200505050505050505050505050505
      0505050505050505050505050505050505056a636865636b706f696e74646e6f7465`,
  },
  {
    id: 'the next file',
    method: 'audit.export',
    part: 'progress',
    message: { path: 'tile/0/000.p/2', size: 64 },
    hex: 'a264706174686e74696c652f302f3030302e702f326473697a651840',
  },

  {
    id: 'all of a blob',
    method: 'blob.get',
    part: 'request',
    message: { blob },
    hex: `
      a164626c6f6278406162616261626162616261626162616261626162616261626162616261626162616261626162
      6162616261626162616261626162616261626162616261626162`,
  },
  {
    id: 'a range of a blob',
    method: 'blob.get',
    part: 'request',
    message: { blob, range: { start: 0, end: 1 } },
    hex: `
      a264626c6f6278406162616261626162616261626162616261626162616261626162616261626162616261626162
      61626162616261626162616261626162616261626162616261626572616e6765a263656e640165737461727400`,
  },
  {
    id: 'the size of the blob',
    method: 'blob.get',
    part: 'response',
    message: { size: 2 ** 40 },
    hex: 'a16473697a651b0000010000000000',
  },
  {
    id: 'the holders of a blob',
    method: 'blob.providers',
    part: 'request',
    message: { blob },
    hex: `
      a164626c6f6278406162616261626162616261626162616261626162616261626162616261626162616261626162
      6162616261626162616261626162616261626162616261626162`,
  },
  {
    id: 'one host in part',
    method: 'blob.providers',
    part: 'response',
    message: { providers: [{ name: 'web-1', peerId: '12D3KooW', whole: false }] },
    hex: `
      a16970726f76696465727381a3646e616d65657765622d316577686f6c65f46670656572496468313244334b6f6f
      57`,
  },
]
