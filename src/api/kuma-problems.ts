import type { FastifyReply } from 'fastify'

/** An error as Kuma's API has them. */
export interface KumaFault {
  readonly status: 400 | 404 | 405
  readonly title: string
  readonly detail: string
  readonly invalid?: readonly { readonly field: string; readonly reason: string }[]
}

/** `pkg/core/rest/errors/types` of kumahq/kuma, also with the two names that it had for things before. */
export function sendKumaProblem(reply: FastifyReply, { status, title, detail, invalid }: KumaFault): FastifyReply {
  return reply.code(status).send({
    type: '/std-errors',
    status,
    title,
    detail,
    ...(invalid !== undefined && { invalid_parameters: invalid }),
    details: detail,
    ...(invalid !== undefined && { causes: invalid.map(({ field, reason }) => ({ field, message: reason })) }),
  })
}
