/** The formats of repositories that this version knows. A new format is added only here. */
import { type Formats, formatsOf } from '../repositories/formats/format.ts'
import { rpmFormat } from '../repositories/formats/rpm/format.ts'

export const formats: Formats = formatsOf([rpmFormat])
