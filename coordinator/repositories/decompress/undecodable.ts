/**
 * What a decompressor of ours says of a file that is not what its format allows; what a library
 * says is never shown.
 */
export class Undecodable extends Error {}
