/** The repository formats that this version supports. A new format is added only here. */
import { type Formats, formatsOf } from '../repositories/formats/format.ts'
import { rpmFormat } from '../repositories/formats/rpm/format.ts'

export const formats: Formats = formatsOf([rpmFormat])
