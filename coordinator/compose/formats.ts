/**
 * The formats of repositories that this version knows. A new one is added here and nowhere else.
 */
import { type Formats, formatsOf } from '../repositories/formats/format.ts'
import { rpmFormat } from '../repositories/formats/rpm/format.ts'

export const formats: Formats = formatsOf([rpmFormat])
