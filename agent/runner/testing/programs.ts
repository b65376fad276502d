/** Where the tiny programs for runs stand. */
import { fileURLToPath } from 'node:url'

export function program(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/programs/${name}`, import.meta.url))
}
