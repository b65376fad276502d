/** `muster status` */
import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  summary: 'one screen: is everything fine?',
  examples: [
    { command: 'muster status', does: 'people' },
    { command: 'muster status -o json', does: 'machines' },
  ],
  output: true,
  handler: () => import('./status.handler.ts'),
})
