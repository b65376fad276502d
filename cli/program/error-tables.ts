/**
 * The tables of every area whose errors a coordinator or an agent may send: an error crosses the
 * wire as a code with plain data, and gets its prose here. Importing a table costs a few kilobytes
 * and nothing else.
 */
import '../../agent/commands/errors.ts'
import '../../coordinator/audit/errors.ts'
import '../../coordinator/database/errors.ts'
import '../../coordinator/dispatch/errors.ts'
import '../../coordinator/inventory/errors.ts'
import '../../coordinator/repositories/model/errors.ts'
import '../../coordinator/operations/errors.ts'
import '../../coordinator/outcomes/errors.ts'
import '../../coordinator/repositories/publish/errors.ts'
import '../../coordinator/registry/errors.ts'
import '../../coordinator/repositories/configured.ts'
import '../../coordinator/sessions/sessions.ts'
import '../../coordinator/repositories/snapshots/errors.ts'
import '../../node/ground/errors.ts'
import '../../node/transfer/errors.ts'
import '../../shared/audit/errors.ts'
import '../../shared/blobs/errors.ts'
import '../../shared/facts/errors.ts'
import '../../shared/host-name.ts'
import '../../shared/concurrency/queue.ts'
import '../../shared/rpm/errors.ts'
import '../../shared/trust/errors.ts'
