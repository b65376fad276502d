/**
 * Checks host names. A host chooses its name, and operators select hosts by name, by id, by a
 * prefix of either, or by the word `all`. So a name must not have the form of an id or a keyword.
 */
import { defineErrors } from './errors.ts'
import { matchesId } from './short-id.ts'

export const hostNameError = defineErrors({
  'host-name.refused': {
    exit: 'usage',
    message: (d: { name: string; reason: string }) =>
      `a host can't be called ${JSON.stringify(d.name)}: ${d.reason}`,
    hint: () => 'join with another --name, such as web-1',
  },
})

/**
 * Names have only ASCII characters, so that no two names look alike. They are safe in a path, a
 * shell and a selector.
 */
export const HOST_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Words that select a set of hosts, also ones that a later version may add. */
const KEY_WORDS: ReadonlySet<string> = new Set(['all', 'any', 'none', 'self'])

/** A shorter prefix of an id selects nothing, so short names such as `db` or `a1` are allowed. */
export const MIN_ID_PREFIX = 4

/**
 * The length of the first group of a UUID. A name of this many hex digits looks like an id. A
 * shorter one, such as `db01`, is rejected only if a host's id contains it.
 */
const LOOKS_LIKE_ID = 8

/** The length of a UUID with its dashes. */
const ID_LENGTH = 36

/** True if the text can be an agent id or a prefix of one. */
export function isIdPrefix(text: string): boolean {
  if (text.length < MIN_ID_PREFIX || text.length > ID_LENGTH) return false
  return [...text].every(isIdCharacter)
}

function isIdCharacter(character: string, at: number): boolean {
  return [8, 13, 18, 23].includes(at) ? character === '-' : /[0-9a-f]/.test(character)
}

/** True if the text can be the suffix of an agent id, such as its last two groups. */
function isIdEnd(text: string): boolean {
  if (text.length > ID_LENGTH) return false
  const start = ID_LENGTH - text.length
  return [...text].every((character, at) => isIdCharacter(character, start + at))
}

/** Names that are equal in this form count as the same name. */
export function foldName(name: string): string {
  return name.toLowerCase()
}

/** Returns the reason why this name is invalid. Undefined if it is valid. */
export function hostNameFault(name: string): string | undefined {
  if (!HOST_NAME.test(name))
    return (
      'expected 1 to 64 letters, digits, dots, dashes or underscores ' +
      'that begin with a letter or digit'
    )
  const folded = foldName(name)
  if (KEY_WORDS.has(folded)) return 'the word selects a set of hosts'
  if (/^[0-9]+$/.test(name)) return 'expected a letter in it'
  if (name.length < LOOKS_LIKE_ID) return undefined
  // This rejects any text of hex digits, not only a UUID prefix, because other kinds of ids have
  // this form.
  if (isIdPrefix(folded) || /^[0-9a-f]+$/.test(folded))
    return 'it looks like the beginning of an id'
  if (isIdEnd(folded)) return 'it looks like the end of an id'
  return undefined
}

/**
 * Rejects a name that also selects one of `ids`, the other hosts' agent ids.
 * @throws host-name.refused
 */
export function requireNoIdOf(ids: readonly string[], name: string): void {
  if (name.length < MIN_ID_PREFIX) return
  if (ids.some((id) => matchesId(id, foldName(name))))
    throw hostNameError('host-name.refused', {
      name: name.slice(0, 80),
      reason: 'it is a part of the id of another host',
    })
}

/** @throws host-name.refused */
export function requireHostName(name: string): void {
  const reason = hostNameFault(name)
  if (reason !== undefined)
    throw hostNameError('host-name.refused', { name: name.slice(0, 80), reason })
}
