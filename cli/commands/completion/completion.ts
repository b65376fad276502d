/** `muster completion` */
import { defineCommand } from '../../program/command.ts'
import type { ArgumentSpecs, ArgumentValues } from '../../program/flags.ts'

const args = {
  shell: { summary: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] },
} as const satisfies ArgumentSpecs
export type Args = ArgumentValues<typeof args>

export const command = defineCommand({
  summary: 'print the completion script of a shell',
  arguments: args,
  examples: [
    {
      command: 'muster completion bash > /etc/bash_completion.d/muster',
      does: 'installs the completion for all users of this machine',
    },
    { command: 'source <(muster completion zsh)', does: 'loads the completion into this shell' },
    {
      command: 'muster completion fish > ~/.config/fish/completions/muster.fish',
      does: 'installs the completion for you',
    },
  ],
  handler: () => import('./completion.handler.ts'),
})
