/**
 * A facts statement whose signature and form were checked. Each arriving statement is checked once.
 */
import type { FleetId } from '../../shared/ids.ts'
import type { FactsStatement } from '../../shared/trust/facts-statement.ts'
import { readSigned, type Signed } from '../../shared/trust/signed.ts'

export class VerifiedFacts {
  readonly statement: FactsStatement
  /**
   * The key that signed the statement. apply-facts.ts compares it with the host's key in the
   * registry.
   */
  readonly key: Uint8Array

  private constructor(statement: FactsStatement, key: Uint8Array) {
    this.statement = statement
    this.key = key
  }

  /** @throws trust.* */
  static read(signed: Signed, fleet: FleetId): VerifiedFacts {
    return new VerifiedFacts(readSigned(signed, 'facts', { fleet }), signed.key)
  }
}
