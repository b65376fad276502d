/**
 * Thrown by Muster's decompressors for a file that breaks its format. Its message is shown. The
 * messages of libraries are never shown.
 */
export class Undecodable extends Error {}
