/** `muster grant add` */
import { defineCommand } from '../../program/command.ts'
import type { FlagSpecs, FlagValues } from '../../program/flags.ts'

const flags = {
  to: {
    accepts: 'path',
    type: 'string',
    value: 'FILE.pub|FINGERPRINT',
    summary: 'the key that gets the right',
    required: true,
  },
  namespace: {
    type: 'string',
    value: 'NS',
    summary:
      'fleet, repo, snapshot, publish, artifact, facts, run, deploy, audit or policy; with /NAME ' +
      'only for one thing',
    required: true,
  },
  level: {
    type: 'choice',
    value: 'LEVEL',
    choices: ['observe', 'control'],
    summary: 'control includes observe',
    required: true,
  },
  on: {
    type: 'list',
    value: 'HOSTS',
    summary: 'hosts: names, one k=v[,k=v], or all; default: all',
  },
  // Ten years, so that no operator forgets a grant. A statement can't contain a year after 9999.
  ttl: {
    type: 'duration',
    value: 'TIME',
    summary: 'validity, at most 3650d',
    default: 2_592_000_000,
    min: 1_000,
    max: 315_360_000_000,
  },
  depth: {
    type: 'integer',
    value: 'N',
    summary: 'how many times the right can be passed on',
    default: 0,
    min: 0,
    max: 3,
  },
} as const satisfies FlagSpecs
export type Flags = FlagValues<typeof flags>

export const command = defineCommand({
  summary: 'grant a right to a key',
  flags,
  examples: [
    {
      command: 'muster grant add --to alice.pub --namespace run --level observe --on role=web',
      does: 'alice can watch runs on web hosts for 30 days',
    },
  ],
  output: true,
  needs: [{ namespace: 'policy', level: 'control' }],
  handler: () => import('./add.handler.ts'),
})
