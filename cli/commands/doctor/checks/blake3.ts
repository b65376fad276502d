/**
 * How BLAKE3 is computed here: the fallbacks work, only slower, and that should not be found out by
 * waiting.
 */
import type { Check } from '../ground/check.ts'

export const blake3: Check = {
  name: 'blake3',
  run: async () => {
    const [{ kernel }, { nativeBlake3 }] = await Promise.all([
      import('../../../../shared/blake3/kernel.ts'),
      import('../../../../shared/blake3/hash.ts'),
    ])
    const { name } = kernel()
    if (name !== 'simd')
      return {
        status: 'warn',
        detail: `blake3 kernel ${name}: hashing is several times slower`,
        fix: 'unset MUSTER_BLAKE3; use a Node with WebAssembly SIMD',
      }
    if (nativeBlake3() !== null) return { status: 'ok', detail: 'blake3 kernel simd' }
    return {
      status: 'warn',
      detail:
        'blake3 kernel simd, without the native library: whole files hash several times slower',
      fix: 'unset MUSTER_BLAKE3; install the dependencies with --include=optional',
    }
  },
}
