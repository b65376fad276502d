/** Messages of `/muster/control/1` about repositories, snapshots and packages, and their bytes. */
import type { Case } from '../../rpc/case.ts'
import { at, repository } from './samples.ts'

export const repositoriesCases: readonly Case[] = [
  {
    id: 'repositories',
    method: 'repo.list',
    part: 'response',
    message: { repositories: [repository] },
    hex: `
      a16c7265706f7369746f7269657381ab62696465746f64617964747970656372706d65627974657319100067656e
      61626c6564f5686c61737453796e63a466726573756c7468636f6d706c657465676d657373616765f66973746172
      74656441747818323032362d30312d33315430383a30303a30302e3030305a6a66696e6973686564417478183230
      32362d30312d33315430383a30303a30312e3030305a687061636b6167657302687265766973696f6e6231376875
      7073747265616d781a68747470733a2f2f6578616d706c652e6f72672f746f6461792f697075626c697368656478
      29687474703a2f2f3139322e302e322e313a383438302f7265706f732f746f6461792f6c61746573742f69726574
      656e74696f6e666d6972726f7269736e617073686f74738167323032362d3131`,
  },
  {
    id: 'which repository',
    method: 'repo.show',
    part: 'request',
    message: { repository: 'today' },
    hex: 'a16a7265706f7369746f727965746f646179',
  },
  {
    id: 'one that was never synced',
    method: 'repo.show',
    part: 'response',
    message: {
      ...repository,
      enabled: false,
      packages: 0,
      bytes: 0,
      revision: null,
      lastSync: null,
      snapshots: [],
      published: null,
    },
    hex: `
      ab62696465746f64617964747970656372706d6562797465730067656e61626c6564f4686c61737453796e63f668
      7061636b6167657300687265766973696f6ef668757073747265616d781a68747470733a2f2f6578616d706c652e
      6f72672f746f6461792f697075626c6973686564f669726574656e74696f6e666d6972726f7269736e617073686f
      747380`,
  },
  {
    id: 'a check of all repositories',
    method: 'repo.check',
    part: 'request',
    message: {},
    hex: 'a0',
  },
  {
    id: 'a check of one repository',
    method: 'repo.check',
    part: 'request',
    message: { repository: 'today' },
    hex: 'a16a7265706f7369746f727965746f646179',
  },
  {
    id: 'news',
    method: 'repo.check',
    part: 'response',
    message: { changed: ['today'], unchanged: [] },
    hex: 'a2676368616e6765648165746f64617969756e6368616e67656480',
  },
  {
    id: 'the plan of a sync',
    method: 'repo.plan',
    part: 'request',
    message: { repository: 'today' },
    hex: 'a16a7265706f7369746f727965746f646179',
  },
  {
    id: 'this much',
    method: 'repo.plan',
    part: 'response',
    message: { repository: 'today', fetch: 3, bytes: 2 ** 33, remove: 1, unchanged: 40_000 },
    hex: `
      a56562797465731b0000000200000000656665746368036672656d6f76650169756e6368616e676564199c406a72
      65706f7369746f727965746f646179`,
  },
  { id: 'all snapshots', method: 'snapshot.list', part: 'request', message: {}, hex: 'a0' },
  {
    id: 'snapshots of one',
    method: 'snapshot.list',
    part: 'request',
    message: { repository: 'today' },
    hex: 'a16a7265706f7369746f727965746f646179',
  },
  {
    id: 'a snapshot',
    method: 'snapshot.list',
    part: 'response',
    message: {
      snapshots: [
        {
          name: '2026-11',
          repository: 'today',
          createdAt: at,
          description: 'before the update',
          packages: 2,
          bytes: 4096,
          revision: null,
        },
      ],
    },
    hex: `
      a169736e617073686f747381a7646e616d6567323032362d3131656279746573191000687061636b616765730268
      7265766973696f6ef6696372656174656441747818323032362d30312d33315430383a30303a30302e3030305a6a
      7265706f7369746f727965746f6461796b6465736372697074696f6e716265666f72652074686520757064617465`,
  },
  {
    id: 'the difference of two snapshots',
    method: 'snapshot.diff',
    part: 'request',
    message: { repository: 'today', from: '2026-10', to: '2026-11' },
    hex: 'a362746f67323032362d31316466726f6d67323032362d31306a7265706f7369746f727965746f646179',
  },
  {
    id: 'a difference',
    method: 'snapshot.diff',
    part: 'response',
    message: {
      added: ['ash-1-1.noarch'],
      removed: [],
      updated: [{ name: 'oak', arch: 'x86_64', from: '1-1', to: '1-2' }],
      advisories: ['LAB-2023:0001'],
    },
    hex: `
      a4656164646564816e6173682d312d312e6e6f617263686772656d6f76656480677570646174656481a462746f63
      312d326461726368667838365f36346466726f6d63312d31646e616d65636f616b6a61647669736f72696573816d
      4c41422d323032333a30303031`,
  },
  {
    id: 'hosts with an old version',
    method: 'package.find',
    part: 'request',
    message: { name: 'openssl', version: '< 3.0.7-25.el9', on: ['all'] },
    hex: `
      a3626f6e8163616c6c646e616d65676f70656e73736c6776657273696f6e6e3c20332e302e372d32352e656c39`,
  },
  {
    id: 'hosts with any version',
    method: 'package.find',
    part: 'request',
    message: { name: 'openssl' },
    hex: 'a1646e616d65676f70656e73736c',
  },
  {
    id: 'a host that is offline',
    method: 'package.find',
    part: 'response',
    message: {
      found: [
        {
          host: 'web-1',
          manager: 'rpm',
          name: 'openssl',
          version: '1:3.0.7-24.el9',
          arch: null,
          seenAt: at,
          stale: true,
        },
      ],
    },
    hex: `
      a165666f756e6481a76461726368f664686f7374657765622d31646e616d65676f70656e73736c657374616c65f5
      667365656e41747818323032362d30312d33315430383a30303a30302e3030305a676d616e616765726372706d67
      76657273696f6e6e313a332e302e372d32342e656c39`,
  },
]
