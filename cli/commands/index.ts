/**
 * Every command of `muster`: noun → verb → declaration, in the order of the help pages. A
 * declaration is loaded only when its command runs or the help of its noun is shown. A command is a
 * line here and two files, `<noun>/<verb>.ts` and `<noun>/<verb>.handler.ts`.
 */
import type { Registry } from '../program/command.ts'

export const registry: Registry = {
  demo: {
    summary: 'a whole fleet on this machine, without configuration',
    command: () => import('./demo/demo.ts'),
  },
  init: { summary: "create a coordinator's home", command: () => import('./init/init.ts') },
  coordinator: {
    summary: 'the coordinator daemon',
    verbs: { run: () => import('./coordinator/run.ts') },
  },
  ticket: {
    summary: 'print the addresses and the root of this fleet',
    command: () => import('./ticket/ticket.ts'),
  },
  enroll: {
    summary: 'enrolment of hosts',
    verbs: {
      token: () => import('./enroll/token.ts'),
      list: () => import('./enroll/list.ts'),
      approve: () => import('./enroll/approve.ts'),
      reject: () => import('./enroll/reject.ts'),
    },
  },
  agent: {
    summary: 'hosts, and the agent of this host',
    verbs: {
      join: () => import('./agent/join.ts'),
      run: () => import('./agent/run.ts'),
      facts: () => import('./agent/facts.ts'),
      repofile: () => import('./agent/repofile.ts'),
      list: () => import('./agent/list.ts'),
      show: () => import('./agent/show.ts'),
      label: () => import('./agent/label.ts'),
      revoke: () => import('./agent/revoke.ts'),
    },
  },
  status: {
    summary: 'show the state of the fleet on one screen',
    command: () => import('./status/status.ts'),
  },
  repo: {
    summary: 'mirrored repositories',
    verbs: {
      list: () => import('./repo/list.ts'),
      show: () => import('./repo/show.ts'),
      check: () => import('./repo/check.ts'),
      sync: () => import('./repo/sync.ts'),
      publish: () => import('./repo/publish.ts'),
    },
  },
  snapshot: {
    summary: 'named versions of repositories',
    verbs: {
      create: () => import('./snapshot/create.ts'),
      list: () => import('./snapshot/list.ts'),
      show: () => import('./snapshot/show.ts'),
      delete: () => import('./snapshot/delete.ts'),
      diff: () => import('./snapshot/diff.ts'),
    },
  },
  blob: {
    summary: 'content by its BLAKE3 id',
    verbs: {
      add: () => import('./blob/add.ts'),
      get: () => import('./blob/get.ts'),
      providers: () => import('./blob/providers.ts'),
    },
  },
  pool: {
    summary: 'the pool of blobs of this node',
    verbs: { check: () => import('./pool/check.ts') },
  },
  run: {
    summary: 'run a command on hosts and print its output',
    command: () => import('./run/run.ts'),
  },
  process: {
    summary: 'runs: processes on hosts',
    verbs: {
      start: () => import('./process/start.ts'),
      status: () => import('./process/status.ts'),
      stop: () => import('./process/stop.ts'),
      stream: () => import('./process/stream.ts'),
      output: () => import('./process/output.ts'),
      list: () => import('./process/list.ts'),
      wait: () => import('./process/wait.ts'),
    },
  },
  facts: {
    summary: 'packages of a host',
    verbs: { show: () => import('./facts/show.ts'), history: () => import('./facts/history.ts') },
  },
  package: {
    summary: 'packages in the whole fleet',
    verbs: { find: () => import('./package/find.ts') },
  },
  audit: {
    summary: 'the tamper-evident log',
    verbs: {
      log: () => import('./audit/log.ts'),
      verify: () => import('./audit/verify.ts'),
      prove: () => import('./audit/prove.ts'),
      export: () => import('./audit/export.ts'),
    },
  },
  grant: {
    summary: 'rights of operators',
    verbs: {
      add: () => import('./grant/add.ts'),
      list: () => import('./grant/list.ts'),
      revoke: () => import('./grant/revoke.ts'),
    },
  },
  context: {
    summary: 'named coordinators of this user',
    verbs: {
      add: () => import('./context/add.ts'),
      list: () => import('./context/list.ts'),
      use: () => import('./context/use.ts'),
      remove: () => import('./context/remove.ts'),
    },
  },
  config: {
    summary: 'the configuration of a home',
    verbs: {
      validate: () => import('./config/validate.ts'),
      show: () => import('./config/show.ts'),
    },
  },
  doctor: {
    summary: 'check this machine and this home, and print how to fix problems',
    command: () => import('./doctor/doctor.ts'),
  },
  completion: {
    summary: 'print the completion script of a shell',
    command: () => import('./completion/completion.ts'),
  },
  __complete: {
    summary: 'complete a command line',
    command: () => import('./completion/complete.ts'),
  },
  version: { summary: 'print the version', command: () => import('./version/version.ts') },
}
