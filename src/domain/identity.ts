import type { User } from './event.ts'

/** What a person is called in the key store and in tombstones: domain, and id, name or e-mail. The empty string is nobody. */
export function identityOf(user: Pick<User, 'id' | 'name' | 'email' | 'domain'> | undefined): string {
  const name = user?.id ?? user?.name ?? user?.email
  return name === undefined ? '' : JSON.stringify([user?.domain ?? '', name])
}
