/** A condition on an installed version, such as `< 3.0.7-25.el9`, as people write it. Pure. */
import type { PackageVersion } from '../packages/manager.ts'
import { versionsOf } from '../packages/managers.ts'

const OPERATORS = {
  '<': (order: number) => order < 0,
  '<=': (order: number) => order <= 0,
  '=': (order: number) => order === 0,
  '==': (order: number) => order === 0,
  '>=': (order: number) => order >= 0,
  '>': (order: number) => order > 0,
}

/**
 * An operator of the table, then what package managers allow in a version: it has a digit, and its
 * epoch is a number. Everything else, such as a word or an operator of another tool, is a mistake
 * that would silently match nothing.
 */
const CONDITION = /^\s*(<=|>=|==|<|>|=)?\s*((?:\d{1,10}:)?(?=[^:]*\d)[\p{L}\d._+~^-]+)\s*$/u

/** What a condition is about: the version and the manager that owns the package. */
export interface InstalledVersion extends PackageVersion {
  readonly manager: string
}

/**
 * The test that a condition is; undefined if the text isn't one. Each package is compared by the
 * rules of the manager that owns it.
 */
export function versionCondition(
  text: string,
): ((installed: InstalledVersion) => boolean) | undefined {
  const [, operator = '=', version] = CONDITION.exec(text) ?? []
  if (version === undefined || !isOperator(operator)) return undefined
  const holds = OPERATORS[operator]
  return (installed) => {
    const versions = versionsOf(installed.manager)
    return holds(versions.compareToWanted(installed, versions.parse(version)))
  }
}

function isOperator(text: string): text is keyof typeof OPERATORS {
  return Object.hasOwn(OPERATORS, text)
}
