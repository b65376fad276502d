/** Messages of `/muster/providers/1` and their bytes. */
import type { Case } from '../rpc/case.ts'

export const cases: readonly Case[] = [
  {
    id: 'one whole, one in part, one gone',
    method: 'announce',
    part: 'request',
    message: {
      addresses: ['/ip4/192.0.2.7/tcp/7400'],
      holds: [
        { id: 'ab'.repeat(32), size: 5 },
        { id: 'cd'.repeat(32), size: 65_536, ranges: [{ start: 0, end: 16_384 }] },
      ],
      drops: ['ef'.repeat(32)],
    },
    hex: `
      a36564726f7073817840656665666566656665666566656665666566656665666566656665666566656665666566
      6566656665666566656665666566656665666566656665666566656665686f6c647382a262696478406162616261
      62616261626162616261626162616261626162616261626162616261626162616261626162616261626162616261
      626162616261626162616261626473697a6505a36269647840636463646364636463646364636463646364636463
      64636463646364636463646364636463646364636463646364636463646364636463646364636463646364647369
      7a651a000100006672616e67657381a263656e64194000657374617274006961646472657373657381772f697034
      2f3139322e302e322e372f7463702f37343030`,
  },
  {
    id: 'only where it is',
    method: 'announce',
    part: 'request',
    message: { addresses: [], holds: [], drops: [] },
    hex: 'a36564726f70738065686f6c6473806961646472657373657380',
  },
  {
    id: 'the last of all',
    method: 'announce',
    part: 'request',
    message: { addresses: [], holds: [], drops: [], all: true },
    hex: 'a463616c6cf56564726f70738065686f6c6473806961646472657373657380',
  },
  {
    id: 'half an hour',
    method: 'announce',
    part: 'response',
    message: { expiresInMs: 1_800_000 },
    hex: 'a16b65787069726573496e4d731a001b7740',
  },
  {
    id: 'two blobs',
    method: 'find',
    part: 'request',
    message: { ids: ['ab'.repeat(32), 'cd'.repeat(32)] },
    hex: `
      a1636964738278406162616261626162616261626162616261626162616261626162616261626162616261626162
      61626162616261626162616261626162616261626162616261627840636463646364636463646364636463646364
      63646364636463646364636463646364636463646364636463646364636463646364636463646364636463646364`,
  },
  {
    id: 'one provider, then none',
    method: 'find',
    part: 'response',
    message: {
      found: [
        [
          {
            peer: '12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7',
            addresses: ['/ip4/192.0.2.7/tcp/7400'],
            size: 5,
          },
        ],
        [],
      ],
    },
    hex: `
      a165666f756e648281a364706565727834313244334b6f6f5752617750627850745031655a614a70756d476e7957
      583244635579643352516e796472336541746f34417a376473697a65056961646472657373657381772f6970342f
      3139322e302e322e372f7463702f3734303080`,
  },
  {
    id: 'no provider known, two hosts away',
    method: 'find',
    part: 'response',
    message: { found: [[]], away: { count: 2, names: ['web-1'] } },
    hex: 'a26461776179a265636f756e7402656e616d657381657765622d3165666f756e648180',
  },
]
