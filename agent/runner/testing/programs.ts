/** Paths of the small programs for runs. */
import { fileURLToPath } from 'node:url'

export function program(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/programs/${name}`, import.meta.url))
}
