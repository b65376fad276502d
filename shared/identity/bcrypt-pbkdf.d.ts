/** The one function of `bcrypt-pbkdf` that is used; the package brings no types. */
declare module 'bcrypt-pbkdf' {
  /**
   * OpenBSD's bcrypt_pbkdf. Fills `key`; returns 0, or -1 if a length or the rounds make no sense.
   * Blocks: 20 ms a round.
   */
  export function pbkdf(
    password: Uint8Array,
    passwordLength: number,
    salt: Uint8Array,
    saltLength: number,
    key: Uint8Array,
    keyLength: number,
    rounds: number,
  ): number
  const bcrypt: { pbkdf: typeof pbkdf }
  export default bcrypt
}
