/** Checks which implementation of BLAKE3 is used. The fallbacks are several times slower. */
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
        'blake3 kernel simd, without the native library: hashing files is several times slower',
      fix: 'unset MUSTER_BLAKE3; install the dependencies with --include=optional',
    }
  },
}
