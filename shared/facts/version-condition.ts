/** Parses a condition on an installed version, such as `< 3.0.7-25.el9`. */
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
 * An operator of the table and a version, which has a digit and a number as epoch. Other texts,
 * such as words or operators of other tools, would silently match no version.
 */
const CONDITION = /^\s*(<=|>=|==|<|>|=)?\s*((?:\d{1,10}:)?(?=[^:]*\d)[\p{L}\d._+~^-]+)\s*$/u

/** An installed version, with the manager that owns the package. */
export interface InstalledVersion extends PackageVersion {
  readonly manager: string
}

/**
 * Returns the test of a condition. Undefined if the text isn't a condition. Each package is
 * compared by the rules of its manager.
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
