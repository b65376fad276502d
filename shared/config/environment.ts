/** `${NAME}` and `${NAME:-default}` in configuration values. */

/**
 * Group 1: the escape `$${`. Group 2: the name. Group 3: the default. A match without a name is
 * malformed.
 */
const REFERENCE = /(\$\$\{)|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?/g

export type Substitution =
  | { readonly text: string; readonly used: boolean }
  | { readonly problem: string }

/**
 * Substitutes environment variables. An unset variable without a default is a problem, not an empty
 * text. An empty variable takes the default, as in the shell. `$${` is a literal `${`.
 */
export function substitute(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): Substitution {
  let problem: string | undefined
  let used = false
  const result = text.replace(
    REFERENCE,
    (_, escaped?: string, name?: string, fallback?: string) => {
      if (escaped !== undefined) return '${'
      used = true
      if (name === undefined) {
        problem ??= 'expected ${NAME} or ${NAME:-default}; write $${ for a literal ${'
        return ''
      }
      const value = env[name]
      if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
      if (value === undefined)
        problem ??= `the environment has no ${name}; set it or write \${${name}:-default}`
      return value ?? ''
    },
  )
  return problem === undefined ? { text: result, used } : { problem }
}
