/** The one function of `bcrypt-pbkdf` that is used; the package has no types. */
declare module 'bcrypt-pbkdf' {
  /**
   * OpenBSD's bcrypt_pbkdf. Fills `key`. Returns 0, or -1 for invalid lengths or rounds. Blocks for
   * 20 ms a round.
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
