/**
 * The file systems that are rejected for SQLite. Their locks may not work between hosts, and WAL
 * needs shared memory.
 */

/**
 * `f_type` of statfs(2) on Linux: include/uapi/linux/magic.h and the headers of the file systems.
 */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'kAFS'],
  [0x564c, 'NCP'],
  [0x73757245, 'Coda'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x013661, 'GFS2'],
  [0x7461636f, 'OCFS2'],
])

/** Returns the name of the network file system with this statfs type; undefined for others. */
export function networkFilesystem(type: number): string | undefined {
  // Some kernels sign-extend the type.
  return NETWORK.get(type < 0 ? type + 2 ** 32 : type % 2 ** 32)
}
