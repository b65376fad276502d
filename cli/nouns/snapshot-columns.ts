/** The columns of a table of snapshots. */
import type { SnapshotRow } from '../../protocols/control/messages.ts'
import { formatSize } from '../../shared/units.ts'
import type { Column } from '../terminal/output.ts'

export const snapshotColumns: readonly Column<SnapshotRow>[] = [
  { header: 'snapshot', value: (snapshot) => snapshot.name },
  { header: 'repository', value: (snapshot) => snapshot.repository },
  { header: 'created', value: (snapshot) => snapshot.createdAt },
  { header: 'packages', value: (snapshot) => snapshot.packages, align: 'right' },
  { header: 'size', value: (snapshot) => formatSize(snapshot.bytes), align: 'right' },
  { header: 'description', value: (snapshot) => snapshot.description, wide: true },
]
