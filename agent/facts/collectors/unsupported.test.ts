/** The contract of collectors of unsupported managers. */
import { describeUnsupported } from './testing/describe-collector.ts'
import { DATABASES, unsupportedCollectors } from './unsupported.ts'

for (const collector of unsupportedCollectors)
  describeUnsupported(
    collector,
    DATABASES.filter(([manager]) => manager === collector.manager).map(([, path]) => path),
  )
