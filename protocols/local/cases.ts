/** Messages of `/muster/local/1` and their bytes. */
import type { Case } from '../rpc/case.ts'

const blob = 'ab'.repeat(32)

export const cases: readonly Case[] = [
  {
    id: 'an agent',
    method: 'info',
    part: 'response',
    message: {
      role: 'agent',
      name: 'web-1',
      peerId: '12D3KooW',
      version: '0.1.0',
      gateway: 'http://127.0.0.1:8481',
    },
    hex: `
      a5646e616d65657765622d3164726f6c65656167656e746670656572496468313244334b6f6f5767676174657761
      7975687474703a2f2f3132372e302e302e313a383438316776657273696f6e65302e312e30`,
  },
  {
    id: 'a coordinator, which has no gateway',
    method: 'info',
    part: 'response',
    message: {
      role: 'coordinator',
      name: 'c',
      peerId: '12D3KooW',
      version: '0.1.0',
      gateway: null,
    },
    hex: `
      a5646e616d65616364726f6c656b636f6f7264696e61746f726670656572496468313244334b6f6f576767617465
      776179f66776657273696f6e65302e312e30`,
  },
  {
    id: 'what the gateway serves',
    method: 'repositories',
    part: 'response',
    message: {
      repositories: [
        { id: 'a', gpgkey: 'RPM-GPG-KEY-a' },
        { id: 'b', gpgkey: null },
      ],
    },
    hex: `
      a16c7265706f7369746f7269657382a26269646161666770676b65796d52504d2d4750472d4b45592d61a2626964
      6162666770676b6579f6`,
  },
  {
    id: 'a repository with its type',
    method: 'repositories',
    part: 'response',
    message: { repositories: [{ id: 'a', type: 'rpm', gpgkey: null }] },
    hex: 'a16c7265706f7369746f7269657381a3626964616164747970656372706d666770676b6579f6',
  },
  {
    id: 'facts that the coordinator had already',
    method: 'facts.report',
    part: 'response',
    message: { result: 'known', packages: 312 },
    hex: 'a266726573756c74656b6e6f776e687061636b61676573190138',
  },
  {
    id: 'added, and new',
    method: 'blob.add',
    part: 'response',
    message: { blob, size: 0, existed: false },
    hex: `
      a364626c6f6278406162616261626162616261626162616261626162616261626162616261626162616261626162
      61626162616261626162616261626162616261626162616261626473697a65006765786973746564f4`,
  },
  {
    id: 'all of it',
    method: 'blob.get',
    part: 'request',
    message: { blob },
    hex: `
      a164626c6f6278406162616261626162616261626162616261626162616261626162616261626162616261626162
      6162616261626162616261626162616261626162616261626162`,
  },
  {
    id: 'bytes 10 to 19',
    method: 'blob.get',
    part: 'request',
    message: { blob, range: { start: 10, end: 20 } },
    hex: `
      a264626c6f6278406162616261626162616261626162616261626162616261626162616261626162616261626162
      61626162616261626162616261626162616261626162616261626572616e6765a263656e64146573746172740a`,
  },
  {
    id: 'how much is here',
    method: 'blob.get',
    part: 'progress',
    message: { size: 2 ** 40, done: 16384 },
    hex: 'a264646f6e651940006473697a651b0000010000000000',
  },
  {
    id: 'how much there is',
    method: 'blob.get',
    part: 'response',
    message: { size: 2 ** 40 },
    hex: 'a16473697a651b0000010000000000',
  },
  {
    id: 'who has it?',
    method: 'blob.providers',
    part: 'request',
    message: { blob },
    hex: `
      a164626c6f6278406162616261626162616261626162616261626162616261626162616261626162616261626162
      6162616261626162616261626162616261626162616261626162`,
  },
  {
    id: 'one whole, one in part',
    method: 'blob.providers',
    part: 'response',
    message: {
      providers: [
        { name: 'c', peerId: '12D3KooWa', whole: true },
        { name: 'web-1', peerId: '12D3KooWb', whole: false },
      ],
    },
    hex: `
      a16970726f76696465727382a3646e616d6561636577686f6c65f56670656572496469313244334b6f6f5761a364
      6e616d65657765622d316577686f6c65f46670656572496469313244334b6f6f5762`,
  },
  {
    id: 'facts that an operator accepts',
    method: 'facts.report',
    part: 'request',
    message: { accept: ['dpkg'] },
    hex: 'a166616363657074816464706b67',
  },
  {
    id: 'check a sample',
    method: 'pool.check',
    part: 'request',
    message: { deep: false },
    hex: 'a16464656570f4',
  },
  {
    id: 'half of the pool is checked',
    method: 'pool.check',
    part: 'progress',
    message: { checked: 2, of: 4, bytes: 16384 },
    hex: 'a3626f660465627974657319400067636865636b656402',
  },
  {
    id: 'one damaged and fetched again, one missing',
    method: 'pool.check',
    part: 'response',
    message: {
      deep: true,
      blobs: 4,
      hashed: 4,
      hashedBytes: 16384,
      damaged: 1,
      missing: 1,
      healed: 1,
      found: [
        {
          blob,
          size: 10,
          state: 'missing',
          files: ['r: a.rpm'],
          healedFrom: null,
          reason: 'no source has it',
        },
        { blob, size: 20, state: 'damaged', files: [], healedFrom: 'upstream', reason: null },
      ],
      repaired: ['r/latest'],
      unrepaired: ['s/latest: no source has it'],
    },
    hex: `
      aa6464656570f565626c6f62730465666f756e6482a664626c6f6278406162616261626162616261626162616261
      62616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261
      626473697a650a6566696c65738168723a20612e72706d657374617465676d697373696e6766726561736f6e706e
      6f20736f75726365206861732069746a6865616c656446726f6df6a664626c6f6278406162616261626162616261
      62616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261
      626162616261626473697a65146566696c6573806573746174656764616d6167656466726561736f6ef66a686561
      6c656446726f6d68757073747265616d6668617368656404666865616c6564016764616d6167656401676d697373
      696e67016872657061697265648168722f6c61746573746a756e726570616972656481781a732f6c61746573743a
      206e6f20736f75726365206861732069746b6861736865644279746573194000`,
  },
]
