/**
 * Every command of `muster`: noun → verb → declaration, in the order of the help pages. A declaration is loaded when its command runs or its
 * noun's help is shown; add a command by adding its line here and its two files, `<noun>/<verb>.ts` and `<noun>/<verb>.handler.ts`.
 */
import type { Registry } from '../command.ts'

export const registry: Registry = {
  config: {
    summary: 'the configuration of a home',
    verbs: {
      validate: () => import('./config/validate.ts'),
      show: () => import('./config/show.ts'),
    },
  },
  doctor: { summary: 'check this machine and this home, and say how to mend what is wrong', command: () => import('./doctor/doctor.ts') },
  completion: { summary: 'print the completion script of a shell', command: () => import('./completion/completion.ts') },
  __complete: { summary: 'complete a command line', command: () => import('./completion/complete.ts') },
  version: { summary: 'print the version', command: () => import('./version/version.ts') },
}
