import type { FastifyRequest } from 'fastify'

import type { KumaFault } from './kuma-problems.ts'

const LARGEST_PAGE = 1000
const PAGE = 100
const TITLE = 'Could not retrieve resources'

type Page<T> =
  | { readonly kind: 'fault'; readonly fault: KumaFault }
  | {
      readonly kind: 'page'
      /** Of all that the name lets through. */
      readonly total: number
      readonly items: readonly T[]
      /** Where the next one is. */
      readonly next: string | null
    }

/** A page of a list by `size`, `offset` and `name` (a part of it), as `pkg/api-server/pagination.go` of kumahq/kuma. */
export function pageOf<T>(request: FastifyRequest, all: readonly T[], nameOf: (item: T) => string): Page<T> {
  // What the parameters are is what stands in the address: fastify's own object has no order.
  const address = new URL(request.url, 'http://localhost')
  const said = address.searchParams
  const size = said.get('size') || String(PAGE)
  if (!/^\d{1,9}$/.test(size) || Number(size) === 0) return pageFault('size', 'Invalid page size', 'invalid format')
  if (Number(size) > LARGEST_PAGE) {
    const reason = `invalid page size of ${Number(size)}. Maximum page size is ${LARGEST_PAGE}`
    return pageFault('size', 'Invalid page size', reason)
  }
  const offset = said.get('offset') || '0'
  if (!/^\d{1,9}$/.test(offset)) return pageFault('offset', 'Invalid offset', 'Invalid format')
  const name = said.get('name') ?? ''
  const found = all.filter((each) => nameOf(each).includes(name))
  const end = Number(offset) + Number(size)
  const items = found.slice(Number(offset), end)
  if (end >= found.length) return { kind: 'page', total: found.length, items, next: null }
  said.set('offset', String(end))
  said.sort()
  const next = `${request.protocol}://${request.host}${address.pathname}?${said.toString()}`
  return { kind: 'page', total: found.length, items, next }
}

function pageFault(field: string, detail: string, reason: string): Page<never> {
  return { kind: 'fault', fault: { status: 400, title: TITLE, detail, invalid: [{ field, reason }] } }
}
