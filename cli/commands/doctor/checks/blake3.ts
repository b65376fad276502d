/** How BLAKE3 is computed here: the fallbacks work, only slower, and that should not be found out by waiting. */
import type { Check } from '../check.ts'

export const blake3: Check = {
  name: 'blake3',
  run: async () => {
    const { kernel } = await import('../../../../shared/blake3/kernel.ts')
    const { name } = kernel()
    if (name === 'simd') return { status: 'ok', detail: 'blake3 kernel simd' }
    return {
      status: 'warn',
      detail: `blake3 kernel ${name}: hashing is several times slower`,
      fix: 'unset MUSTER_BLAKE3; use a Node with WebAssembly SIMD',
    }
  },
}
