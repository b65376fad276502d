/** Messages of `/muster/catalog/1` and their bytes. */
import type { Case } from '../rpc/case.ts'

export const cases: readonly Case[] = [
  {
    id: 'a file of latest',
    method: 'tree',
    part: 'request',
    message: { repository: 'rhel9-baseos', path: 'repodata/repomd.xml' },
    hex: `
      a26470617468737265706f646174612f7265706f6d642e786d6c6a7265706f7369746f72796c7268656c392d6261
      73656f73`,
  },
  {
    id: 'the root of a snapshot',
    method: 'tree',
    part: 'request',
    message: { repository: 'r', snapshot: '2026-11', path: '' },
    hex: 'a364706174686068736e617073686f7467323032362d31316a7265706f7369746f72796172',
  },
  {
    id: 'a file',
    method: 'tree',
    part: 'response',
    message: { found: 'file', blob: 'ab'.repeat(32), size: 3137 },
    hex: `
      a364626c6f6278406162616261626162616261626162616261626162616261626162616261626162616261626162
      61626162616261626162616261626162616261626162616261626473697a65190c4165666f756e646466696c65`,
  },
  {
    id: 'a folder',
    method: 'tree',
    part: 'response',
    message: { found: 'folder', entries: ['Packages/', 'x.rpm'] },
    hex: 'a265666f756e6466666f6c64657267656e747269657382695061636b616765732f65782e72706d',
  },
  {
    id: 'nothing',
    method: 'tree',
    part: 'response',
    message: { found: 'nothing' },
    hex: 'a165666f756e64676e6f7468696e67',
  },
  {
    id: 'one repository with a key, one without',
    method: 'repositories',
    part: 'response',
    message: {
      repositories: [
        { id: 'a', snapshots: ['2026-10', '2026-11'], gpgkey: 'RPM-GPG-KEY-a' },
        { id: 'b', snapshots: [], gpgkey: null },
      ],
    },
    hex: `
      a16c7265706f7369746f7269657382a36269646161666770676b65796d52504d2d4750472d4b45592d6169736e61
      7073686f74738267323032362d313067323032362d3131a36269646162666770676b6579f669736e617073686f74
      7380`,
  },
  {
    id: 'a repository with its type',
    method: 'repositories',
    part: 'response',
    message: { repositories: [{ id: 'a', type: 'rpm', snapshots: [], gpgkey: null }] },
    hex: `
      a16c7265706f7369746f7269657381a4626964616164747970656372706d666770676b6579f669736e617073686f
      747380`,
  },
]
