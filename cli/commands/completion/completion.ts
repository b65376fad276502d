/** `muster completion` */
import { defineCommand } from '../../program/command.ts'

export const command = defineCommand({
  summary: 'print the completion script of a shell',
  arguments: { shell: { summary: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] } },
  examples: [
    { command: 'muster completion bash > /etc/bash_completion.d/muster', does: 'for everybody' },
    { command: 'source <(muster completion zsh)', does: 'for this shell' },
    { command: 'muster completion fish > ~/.config/fish/completions/muster.fish', does: 'for you' },
  ],
  handler: () => import('./completion.handler.ts'),
})
