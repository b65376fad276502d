/**
 * Messages of `/muster/control/1` about the fleet: sessions, status, enrolment, hosts, facts and
 * grants, and their bytes.
 */
import type { Case } from '../../rpc/case.ts'
import { fill, signed, agent, run, blob, at, later, operator } from './samples.ts'

export const fleetCases: readonly Case[] = [
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
]
