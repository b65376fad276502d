/**
 * Messages of `/muster/control/1` and their bytes. One file because it is one table of independent
 * rows.
 */
import type { Case } from '../rpc/case.ts'

const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const signed = {
  statement: fill(2, 0x7b),
  scheme: 'sshsig',
  key: fill(32, 1),
  signature: fill(64, 2),
}
const agent = '3f0c1e6a-6a55-4c3b-9f4e-0d9a2b1c7e10'
const run = '01990000-0000-7000-8000-000000000001'
const operation = '01990000-0000-7000-8000-0000000000ff'
const blob = 'ab'.repeat(32)
const at = '2026-01-31T08:00:00.000Z'
const later = '2026-01-31T08:00:01.000Z'
const operator = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

const repository = {
  id: 'today',
  type: 'rpm',
  enabled: true,
  upstream: 'https://example.org/today/',
  packages: 2,
  bytes: 4096,
  revision: '17',
  lastSync: { startedAt: at, finishedAt: later, result: 'complete', message: null },
  snapshots: ['2026-11'],
  retention: 'mirror',
  published: 'http://192.0.2.1:8480/repos/today/latest/',
}
const process = {
  run,
  host: 'web-1',
  agent,
  command: ['echo', 'Grüße'],
  name: null,
  status: 'exited: 0',
  state: 'exited',
  startedAt: at,
  endedAt: later,
  exitCode: 0,
  signal: null,
  outputBytes: 7,
  droppedBytes: 0,
  limits: 'enforced',
  actor: operator,
}

export const cases: readonly Case[] = [
  {
    id: 'a nonce',
    method: 'session.begin',
    part: 'response',
    message: {
      nonce: fill(32, 3),
      fleet: 'f'.repeat(32),
      coordinator: '12D3KooW',
      name: 'c',
      version: '0.1.0',
    },
    hex: `
      a5646e616d65616365666c6565747820666666666666666666666666666666666666666666666666666666666666
      6666656e6f6e63655820030303030303030303030303030303030303030303030303030303030303030367766572
      73696f6e65302e312e306b636f6f7264696e61746f7268313244334b6f6f57`,
  },
  {
    id: 'delegation and proof',
    method: 'session.open',
    part: 'request',
    message: { delegation: signed, proof: fill(64, 4) },
    hex: `
      a26570726f6f66584004040404040404040404040404040404040404040404040404040404040404040404040404
      0404040404040404040404040404040404040404040404040404046a64656c65676174696f6ea4636b6579582001
      0101010101010101010101010101010101010101010101010101010101010166736368656d656673736873696769
      7369676e617475726558400202020202020202020202020202020202020202020202020202020202020202020202
      02020202020202020202020202020202020202020202020202020202026973746174656d656e74427b7b`,
  },

  {
    id: 'the status of a fleet',
    method: 'status',
    part: 'response',
    message: {
      coordinator: {
        name: 'c',
        version: '0.1.0',
        peerId: '12D3KooW',
        startedAt: at,
        addresses: ['/ip4/192.0.2.1/tcp/8470'],
        http: null,
      },
      repositories: [{ id: 'today', lastSync: null, result: null }],
      agents: { connected: 1, offline: 2, pending: 3, revoked: 4 },
      store: { blobs: 5, bytes: 6 },
      log: { size: 7, root: 'cd'.repeat(32), at: null, openIntents: 0 },
    },
    hex: `
      a5636c6f67a4626174f664726f6f7478406364636463646364636463646364636463646364636463646364636463
      64636463646364636463646364636463646364636463646364636463646364636463646473697a65076b6f70656e
      496e74656e7473006573746f7265a265626c6f62730565627974657306666167656e7473a4676f66666c696e6502
      6770656e64696e6703677265766f6b65640469636f6e6e6563746564016b636f6f7264696e61746f72a664687474
      70f6646e616d6561636670656572496468313244334b6f6f576776657273696f6e65302e312e3069616464726573
      73657381772f6970342f3139322e302e322e312f7463702f38343730697374617274656441747818323032362d30
      312d33315430383a30303a30302e3030305a6c7265706f7369746f7269657381a362696465746f64617966726573
      756c74f6686c61737453796e63f6`,
  },
  {
    id: 'the ticket',
    method: 'ticket',
    part: 'response',
    message: { ticket: 'muster-ticket1-abc' },
    hex: 'a1667469636b6574726d75737465722d7469636b6574312d616263',
  },
  {
    id: 'a host that is connected',
    method: 'agent.list',
    part: 'response',
    message: {
      agents: [
        {
          name: 'web-1',
          id: agent,
          status: 'connected',
          labels: { role: 'web' },
          lastSeen: at,
          version: '0.1.0',
          peerId: '12D3KooW',
          fingerprint: operator,
          enrolledAt: at,
          addresses: [],
        },
      ],
    },
    hex: `
      a1666167656e747381aa626964782433663063316536612d366135352d346333622d396634652d30643961326231
      6337653130646e616d65657765622d31666c6162656c73a164726f6c65637765626670656572496468313244334b
      6f6f576673746174757369636f6e6e65637465646776657273696f6e65302e312e30686c6173745365656e781832
      3032362d30312d33315430383a30303a30302e3030305a69616464726573736573806a656e726f6c6c6564417478
      18323032362d30312d33315430383a30303a30302e3030305a6b66696e6765727072696e7478325348413235363a
      41414141414141414141414141414141414141414141414141414141414141414141414141414141414141`,
  },
  {
    id: 'which hosts?',
    method: 'target.resolve',
    part: 'request',
    message: { on: ['web-1', 'role=web,site=b'] },
    hex: 'a1626f6e82657765622d316f726f6c653d7765622c736974653d62',
  },
  {
    id: 'these',
    method: 'target.resolve',
    part: 'response',
    message: { agents: [{ id: agent, name: 'web-1', status: 'offline' }] },
    hex: `
      a1666167656e747381a3626964782433663063316536612d366135352d346333622d396634652d30643961326231
      6337653130646e616d65657765622d3166737461747573676f66666c696e65`,
  },

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
    id: 'a run by a prefix',
    method: 'run.status',
    part: 'request',
    message: { run: '01990' },
    hex: 'a16372756e653031393930',
  },
  {
    id: 'a run that ended',
    method: 'run.status',
    part: 'response',
    message: process,
    hex: `
      af6372756e782430313939303030302d303030302d373030302d383030302d30303030303030303030303164686f
      7374657765622d31646e616d65f6656163746f7278325348413235363a4141414141414141414141414141414141
      4141414141414141414141414141414141414141414141414141656167656e74782433663063316536612d366135
      352d346333622d396634652d30643961326231633765313065737461746566657869746564666c696d6974736865
      6e666f72636564667369676e616cf666737461747573696578697465643a203067636f6d6d616e6482646563686f
      674772c3bcc39f6567656e64656441747818323032362d30312d33315430383a30303a30312e3030305a68657869
      74436f646500697374617274656441747818323032362d30312d33315430383a30303a30302e3030305a6b6f7574
      7075744279746573076c64726f70706564427974657300`,
  },
  {
    id: 'runs of two hosts',
    method: 'run.list',
    part: 'request',
    message: { on: ['web-1', 'web-2'], all: true },
    hex: 'a2626f6e82657765622d31657765622d3263616c6cf5',
  },
  {
    id: 'live runs',
    method: 'run.list',
    part: 'request',
    message: { all: false },
    hex: 'a163616c6cf4',
  },
  {
    id: 'the page after a run',
    method: 'run.list',
    part: 'request',
    message: { all: true, after: run },
    hex: `
      a263616c6cf5656166746572782430313939303030302d303030302d373030302d383030302d3030303030303030
      30303031`,
  },
  {
    id: 'a run without a report of its host',
    method: 'run.list',
    part: 'response',
    message: {
      runs: [
        {
          ...process,
          name: 'nightly',
          status: 'running',
          state: 'starting',
          startedAt: null,
          endedAt: null,
          exitCode: null,
          outputBytes: 0,
          limits: null,
        },
      ],
    },
    hex: `
      a16472756e7381af6372756e782430313939303030302d303030302d373030302d383030302d3030303030303030
      3030303164686f7374657765622d31646e616d65676e696768746c79656163746f7278325348413235363a414141
      41414141414141414141414141414141414141414141414141414141414141414141414141414141656167656e74
      782433663063316536612d366135352d346333622d396634652d3064396132623163376531306573746174656873
      74617274696e67666c696d697473f6667369676e616cf6667374617475736772756e6e696e6767636f6d6d616e64
      82646563686f674772c3bcc39f6567656e6465644174f66865786974436f6465f669737461727465644174f66b6f
      75747075744279746573006c64726f70706564427974657300`,
  },
  {
    id: 'output from two offsets',
    method: 'run.output',
    part: 'request',
    message: { run, follow: true, stdout: 5, stderr: 0 },
    hex: `
      a46372756e782430313939303030302d303030302d373030302d383030302d30303030303030303030303166666f
      6c6c6f77f56673746465727200667374646f757405`,
  },
  {
    id: 'killed in the end',
    method: 'run.output',
    part: 'response',
    message: {
      ...process,
      status: 'killed: SIGKILL',
      state: 'killed',
      exitCode: null,
      signal: 'SIGKILL',
      droppedBytes: 100,
    },
    hex: `
      af6372756e782430313939303030302d303030302d373030302d383030302d30303030303030303030303164686f
      7374657765622d31646e616d65f6656163746f7278325348413235363a4141414141414141414141414141414141
      4141414141414141414141414141414141414141414141414141656167656e74782433663063316536612d366135
      352d346333622d396634652d306439613262316337653130657374617465666b696c6c6564666c696d6974736865
      6e666f72636564667369676e616c675349474b494c4c667374617475736f6b696c6c65643a205349474b494c4c67
      636f6d6d616e6482646563686f674772c3bcc39f6567656e64656441747818323032362d30312d33315430383a30
      303a30312e3030305a6865786974436f6465f6697374617274656441747818323032362d30312d33315430383a30
      303a30302e3030305a6b6f75747075744279746573076c64726f7070656442797465731864`,
  },

  {
    id: 'packages of a host',
    method: 'facts.show',
    part: 'request',
    message: { host: 'web-1' },
    hex: 'a164686f7374657765622d31',
  },
  {
    id: 'one package',
    method: 'facts.show',
    part: 'response',
    message: {
      host: 'web-1',
      agent,
      epoch: 1,
      sequence: 2,
      root: blob,
      at,
      os: { id: 'debian', version: '12' },
      packages: [
        {
          manager: 'dpkg',
          name: 'openssl',
          epoch: 0,
          version: '3.0.15',
          release: '1~deb12u1',
          arch: 'amd64',
        },
      ],
    },
    hex: `
      a86261747818323032362d30312d33315430383a30303a30302e3030305a626f73a26269646664656269616e6776
      657273696f6e62313264686f7374657765622d3164726f6f74784061626162616261626162616261626162616261
      62616261626162616261626162616261626162616261626162616261626162616261626162616261626162616265
      6167656e74782433663063316536612d366135352d346333622d396634652d306439613262316337653130656570
      6f636801687061636b6167657381a6646172636865616d643634646e616d65676f70656e73736c6565706f636800
      676d616e616765726464706b676772656c6561736569317e646562313275316776657273696f6e66332e302e3135
      6873657175656e636502`,
  },
  {
    id: 'what happened?',
    method: 'facts.history',
    part: 'request',
    message: { host: 'web-1' },
    hex: 'a164686f7374657765622d31',
  },
  {
    id: 'to one package',
    method: 'facts.history',
    part: 'request',
    message: { host: 'web-1', package: 'openssl' },
    hex: 'a264686f7374657765622d31677061636b616765676f70656e73736c',
  },
  {
    id: 'an installation and an update',
    method: 'facts.history',
    part: 'response',
    message: {
      events: [
        {
          at,
          event: 'install',
          manager: 'rpm',
          name: 'a',
          from: null,
          to: '1-1',
          source: null,
          durationSeconds: null,
        },
        {
          at: later,
          event: 'update',
          manager: 'rpm',
          name: 'a',
          from: '1-1',
          to: '1-2',
          source: 'today',
          durationSeconds: 3,
        },
      ],
    },
    hex: `
      a1666576656e747382a86261747818323032362d30312d33315430383a30303a30302e3030305a62746f63312d31
      6466726f6df6646e616d656161656576656e7467696e7374616c6c66736f75726365f6676d616e61676572637270
      6d6f6475726174696f6e5365636f6e6473f6a86261747818323032362d30312d33315430383a30303a30312e3030
      305a62746f63312d326466726f6d63312d31646e616d656161656576656e746675706461746566736f7572636565
      746f646179676d616e616765726372706d6f6475726174696f6e5365636f6e647303`,
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
    id: 'a grant, revoked since',
    method: 'grant.list',
    part: 'response',
    message: {
      grants: [
        {
          id: run,
          subject: operator,
          issuer: operator,
          namespace: 'run',
          level: 'control',
          selector: 'role=web',
          notAfter: at,
          revoked: true,
        },
      ],
      epoch: 1,
    },
    hex: `
      a26565706f636801666772616e747381a8626964782430313939303030302d303030302d373030302d383030302d
      303030303030303030303031656c6576656c67636f6e74726f6c6669737375657278325348413235363a41414141
      414141414141414141414141414141414141414141414141414141414141414141414141414141677265766f6b65
      64f5677375626a65637478325348413235363a414141414141414141414141414141414141414141414141414141
      41414141414141414141414141414141686e6f7441667465727818323032362d30312d33315430383a30303a3030
      2e3030305a6873656c6563746f7268726f6c653d776562696e616d6573706163656372756e`,
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

  {
    id: 'do this',
    method: 'operate',
    part: 'request',
    message: { intent: signed },
    hex: `
      a166696e74656e74a4636b6579582001010101010101010101010101010101010101010101010101010101010101
      0166736368656d6566737368736967697369676e6174757265584002020202020202020202020202020202020202
      02020202020202020202020202020202020202020202020202020202020202020202020202020202020202020269
      73746174656d656e74427b7b`,
  },
  {
    id: 'an intent with values beside it',
    method: 'operate',
    part: 'request',
    message: {
      intent: signed,
      values: [
        { name: 'TOKEN', salt: fill(32, 8), value: 'Grüße' },
        { name: 'EMPTY', salt: fill(32, 9), value: '' },
      ],
    },
    hex: `
      a266696e74656e74a4636b6579582001010101010101010101010101010101010101010101010101010101010101
      0166736368656d6566737368736967697369676e6174757265584002020202020202020202020202020202020202
      02020202020202020202020202020202020202020202020202020202020202020202020202020202020202020269
      73746174656d656e74427b7b6676616c75657382a3646e616d6565544f4b454e6473616c74582008080808080808
      080808080808080808080808080808080808080808080808086576616c7565674772c3bcc39f65a3646e616d6565
      454d5054596473616c74582009090909090909090909090909090909090909090909090909090909090909096576
      616c756560`,
  },
  {
    id: 'the operation has begun',
    method: 'operate',
    part: 'progress',
    message: { what: 'metadata', done: 0, total: 0 },
    hex: 'a364646f6e65006477686174686d6574616461746165746f74616c00',
  },
  {
    id: 'progress of the operation',
    method: 'operate',
    part: 'progress',
    message: {
      what: 'packages',
      done: 5_000_000_000,
      total: 6_000_000_000,
      files: 12,
      of: 40_000,
      item: 'a-1-1.x86_64.rpm',
    },
    hex: `
      a6626f66199c4064646f6e651b000000012a05f200646974656d70612d312d312e7838365f36342e72706d647768
      6174687061636b616765736566696c65730c65746f74616c1b0000000165a0bc00`,
  },
  {
    id: 'done on one host, refused on another',
    method: 'operate',
    part: 'response',
    message: {
      operation,
      index: 5,
      results: [
        {
          target: agent,
          result: 'done',
          detail: {
            run,
            state: 'running',
            pid: 17,
            limited: true,
            reason: null,
            warnings: ['weak'],
          },
        },
        {
          target: operation,
          result: 'refused',
          detail: {},
          error: { code: 'dispatch.refused', data: { host: 'web-2', reason: 'it may not' } },
        },
      ],
    },
    hex: `
      a365696e6465780567726573756c747382a36664657461696ca663706964116372756e782430313939303030302d
      303030302d373030302d383030302d3030303030303030303030316573746174656772756e6e696e676672656173
      6f6ef6676c696d69746564f5687761726e696e677381647765616b66726573756c7464646f6e6566746172676574
      782433663063316536612d366135352d346333622d396634652d306439613262316337653130a4656572726f72a2
      64636f64657064697370617463682e726566757365646464617461a264686f7374657765622d3266726561736f6e
      6a6974206d6179206e6f746664657461696ca066726573756c746772656675736564667461726765747824303139
      39303030302d303030302d373030302d383030302d303030303030303030306666696f7065726174696f6e782430
      313939303030302d303030302d373030302d383030302d303030303030303030306666`,
  },
]
