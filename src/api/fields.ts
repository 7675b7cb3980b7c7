import type { FastifyInstance } from 'fastify'

import { allFields } from '../domain/fields.ts'
import { FORMATS_IN_WORDS } from '../formats/format-words.ts'
import { isHidden } from '../query/resolve.ts'

/** The dictionary: every field that this caller can ask for, ours first; and the formats by which records are read. */
export function addFieldRoutes(app: FastifyInstance): void {
  app.get('/v1/fields', { config: { needs: ['EVENT_READ'] } }, (request) => {
    const seen = allFields().filter((field) => !isHidden(request.visibility.fields, field.path))
    return { fields: seen.map(({ path, type, aliases, description }) => ({ path, type, aliases, description })) }
  })

  app.get('/v1/formats', { config: { needs: ['EVENT_READ'] } }, () => ({ formats: FORMATS_IN_WORDS }))
}
