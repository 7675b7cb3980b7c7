import { isForResources, matchesPath, matchesWord } from './kubernetes-policy-match.ts'
import type { GroupResources, PolicyRule } from './kubernetes-policy.ts'

/** Whether every request that matches `rule` matches `earlier` too, as far as their conditions alone tell. */
export function covers(earlier: PolicyRule, rule: PolicyRule): boolean {
  return (
    coversList(earlier.users, rule.users) &&
    coversList(earlier.userGroups, rule.userGroups) &&
    coversList(earlier.verbs, rule.verbs) &&
    (isForResources(earlier) ? coversPlace(earlier, rule) : coversUrls(earlier, rule))
  )
}

/** An empty list means any. */
function coversList(earlier: readonly string[], values: readonly string[]): boolean {
  return earlier.length === 0 || (values.length > 0 && values.every((value) => earlier.includes(value)))
}

function coversPlace(earlier: PolicyRule, rule: PolicyRule): boolean {
  if (!isForResources(rule) || !coversList(earlier.namespaces, rule.namespaces)) return false
  if (earlier.resources.length === 0) return true
  return rule.resources.length > 0 && rule.resources.every((wanted) => coversResources(earlier.resources, wanted))
}

function coversResources(earlier: readonly GroupResources[], { group, resources, resourceNames }: GroupResources) {
  const candidates = earlier.filter(
    (each) => (each.group === '*' || each.group === group) && coversList(each.resourceNames, resourceNames),
  )
  const words = resources.length === 0 ? ['*'] : resources
  return words.every((word) =>
    candidates.some((each) => each.resources.length === 0 || each.resources.some((has) => coversWord(has, word))),
  )
}

function coversWord(earlier: string, word: string): boolean {
  if (earlier === '*' || earlier === word) return true
  if (word === '*') return false
  const slash = word.indexOf('/')
  const [resource, subresource] = slash < 0 ? [word, ''] : [word.slice(0, slash), word.slice(slash + 1)]
  // What has a wildcard of its own is covered by the same one alone, which is told above.
  return resource !== '*' && subresource !== '*' && matchesWord(earlier, { resource, subresource })
}

function coversUrls(earlier: PolicyRule, rule: PolicyRule): boolean {
  if (earlier.nonResourceURLs.length === 0) return true
  const urls = rule.nonResourceURLs
  return urls.length > 0 && urls.every((url) => earlier.nonResourceURLs.some((has) => coversUrl(has, url)))
}

function coversUrl(earlier: string, url: string): boolean {
  if (!url.endsWith('*')) return matchesPath(earlier, url)
  return earlier === '*' || (earlier.endsWith('*') && url.slice(0, -1).startsWith(earlier.slice(0, -1)))
}
