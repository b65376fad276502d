/**
 * Creates a coordinator's home: keys, database, configuration, the fleet's root statement, and a
 * log whose first entry is that root. The folder is built under a temporary name and then renamed,
 * so a home is complete or absent.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { diskReason } from '../../shared/disk-reason.ts'
import { writeDurable, syncFolder } from '../../shared/durable-file.ts'
import { errno } from '../../shared/errno.ts'
import { coordinatorPaths } from '../../shared/home.ts'
import { fleetId } from '../../shared/ids.ts'
import type { FleetId, Sha256 } from '../../shared/ids.ts'
import type { Clock } from '../../shared/clock.ts'
import { saveKeyFile } from '../../shared/identity/key-file.ts'
import { generateKey, type NodeKey, type Signer } from '../../shared/identity/signer.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Random } from '../../shared/random.ts'
import { rootDigest } from '../../shared/trust/root-chain.ts'
import { signStatement, type Signed } from '../../shared/trust/signed.ts'
import { pathError, realPath } from '../../shared/verbatim-path.ts'
import { openLedger } from '../audit/ledger.ts'
import { openDatabase } from '../database/database.ts'
import { migrate } from '../database/migrate.ts'
import { homeError } from './identity.ts'
import { insertFirstRoot } from '../registry/statements.ts'

export interface InitOptions {
  readonly home: string
  readonly fleetName: string
  readonly name: string
  /** The operators of the fleet's root. Each of them may sign the next root. */
  readonly operators: readonly { readonly publicKey: Uint8Array; readonly name: string }[]
  /** Signs the root. Its key is one of the operators' keys. */
  readonly signer: Signer
}

export interface InitReport {
  readonly fleet: FleetId
  readonly root: Sha256
  readonly nodeFingerprint: string
}

interface Deps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** @throws home.exists, home.not-operator, home.unwritable */
export async function initCoordinator(deps: Deps, options: InitOptions): Promise<InitReport> {
  if (
    !options.operators.some((operator) =>
      Buffer.from(operator.publicKey).equals(options.signer.publicKey),
    )
  )
    throw homeError('home.not-operator', { fingerprint: options.signer.fingerprint })
  await requireEmpty(options.home)
  // Follows a link to another disk, and doesn't replace the link.
  const home = await realPath(options.home).catch((error: unknown) => {
    if (pathError.is(error)) throw error
    return options.home
  })
  const part = join(
    dirname(home),
    `.${basename(home)}.init-${Buffer.from(deps.random.bytes(4)).toString('hex')}`,
  )
  try {
    const report = await build(deps, options, part)
    // Crash before this: the home does not exist, and a folder .HOME.init-… remains beside it. The
    // next init ignores that folder.
    await place(part, home)
    await syncFolder(dirname(home))
    return report
  } catch (error) {
    await rm(part, { recursive: true, force: true })
    throw unwritable(home, error)
  }
}

/** Returns home.unwritable if the disk failed. Returns any other error unchanged. */
function unwritable(folder: string, error: unknown): unknown {
  const reason = diskReason(error)
  return reason === undefined
    ? error
    : homeError('home.unwritable', { folder, reason }, { cause: error })
}

/**
 * Moves the home to its place. Replaces only an empty folder, so files that another process created
 * meanwhile stay, such as the home of another init.
 */
async function place(part: string, home: string): Promise<void> {
  try {
    await rename(part, home)
  } catch (cause) {
    const code = errno(cause)
    if (code === 'ENOTEMPTY' || code === 'EEXIST')
      throw homeError('home.exists', { folder: home }, { cause })
    if (code === 'EBUSY')
      throw homeError(
        'home.unwritable',
        {
          folder: home,
          reason: 'it is a mount point; name a new folder below it',
        },
        { cause },
      )
    throw cause
  }
}

async function requireEmpty(home: string): Promise<void> {
  try {
    await mkdir(dirname(home), { recursive: true })
    if ((await readdir(home)).length > 0) throw homeError('home.exists', { folder: home })
  } catch (error) {
    if (homeError.is(error)) throw error
    if (errno(error) !== 'ENOENT') throw unwritable(home, error)
  }
}

async function build(deps: Deps, options: InitOptions, folder: string): Promise<InitReport> {
  const paths = coordinatorPaths(folder)
  await makeFolders(folder, [join(folder, 'keys'), paths.confD, paths.log, paths.pool])
  const [node, issuer] = [
    generateKey(deps, { comment: `${options.name} node` }),
    generateKey(deps, { comment: `${options.name} issuer` }),
  ]
  await saveKeyFile(deps, paths.nodeKey, node)
  await saveKeyFile(deps, paths.issuingKey, issuer)
  const fleet = fleetId.parse(Buffer.from(deps.random.bytes(16)).toString('hex'))
  const root = await signRoot(options, fleet, issuer)
  const digest = rootDigest(root.statement)
  await writeDurable(deps, paths.config, configText(), { mode: 0o644 })
  await createDatabase(deps, options, { folder, fleet, issuer, root })
  const identity = { fleet, fleetName: options.fleetName, name: options.name, root: digest }
  // This file is written last, because it makes the folder a coordinator's home.
  await writeDurable(deps, paths.identity, `${JSON.stringify(identity, undefined, 2)}\n`, {
    mode: 0o644,
  })
  return { fleet, root: digest, nodeFingerprint: node.fingerprint }
}

async function makeFolders(folder: string, inside: readonly string[]): Promise<void> {
  await mkdir(folder, { mode: 0o700 })
  for (const path of inside) await mkdir(path, { mode: 0o700 })
}

function signRoot(options: InitOptions, fleet: FleetId, issuer: NodeKey): Promise<Signed> {
  const key = (publicKey: Uint8Array): string => Buffer.from(publicKey).toString('base64')
  return signStatement(options.signer, 'root', {
    fleet,
    version: 1,
    threshold: 1,
    operators: options.operators.map((operator) => ({
      key: key(operator.publicKey),
      name: operator.name,
    })),
    issuers: [{ key: key(issuer.publicKey), name: options.name }],
    previous: null,
  })
}

/** Creates the database with the root, and a log that begins with the root. */
async function createDatabase(
  deps: Deps,
  options: InitOptions,
  made: { folder: string; fleet: FleetId; issuer: NodeKey; root: Signed },
): Promise<void> {
  const paths = coordinatorPaths(made.folder)
  const database = await openDatabase(deps, {
    url: `sqlite://${paths.database.replaceAll('%', '%25')}`,
    create: true,
  })
  try {
    await migrate(database)
    const ledger = await openLedger(
      { clock: deps.clock, random: deps.random, database, signer: made.issuer },
      { fleet: made.fleet, coordinator: options.name, folder: paths.log },
    )
    await database.transaction(async (tx) => {
      await ledger.append(tx, { type: 'root', signed: made.root })
      await insertFirstRoot(tx, made.root, deps.clock.now())
    })
    await ledger.checkpoint()
  } finally {
    await database.close()
  }
}

function configText(): string {
  return `# Muster coordinator. docs/CONFIG.md describes every key and its default.
# Each repository has its own file: conf.d/NAME.yaml with name, type and upstream.
include: conf.d/*.yaml
# listen: ["/ip4/0.0.0.0/tcp/8470"]
# http: { listen: "127.0.0.1:8480" }
`
}
