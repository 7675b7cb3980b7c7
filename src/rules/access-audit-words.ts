/** What Kong Mesh audits on a resource. */
export const RESOURCE_OPERATIONS = ['CREATE', 'UPDATE', 'DELETE'] as const

/** Other operations, which have no resource type: those that Kong Mesh's access control knows, with the one of 3.0. */
export const OTHER_OPERATIONS = [
  'GENERATE_DATAPLANE_TOKEN',
  'GENERATE_USER_TOKEN',
  'GENERATE_ZONE_CP_TOKEN',
  'GENERATE_ZONE_TOKEN',
  'VIEW_CONFIG_DUMP',
  'VIEW_STATS',
  'VIEW_CLUSTERS',
  'VIEW_CONTROL_PLANE_METADATA',
] as const

export const OPERATIONS = [...RESOURCE_OPERATIONS, ...OTHER_OPERATIONS] as const
export type Operation = (typeof OPERATIONS)[number]

/** The only one of the others that belongs to a mesh. */
export const OF_A_MESH: Operation = 'GENERATE_DATAPLANE_TOKEN'

/** `kmesh.access.audit.skipDefaultTypes` of Kong Mesh 2.2 to 2.14: written by the control plane alone. */
export const DEFAULT_SKIPPED_TYPES: readonly string[] = [
  'DataplaneInsight',
  'ZoneIngressInsight',
  'ZoneEgressInsight',
  'ZoneInsight',
  'ServiceInsight',
  'MeshInsight',
]

export interface ResourceType {
  /** As Kuma writes it. */
  readonly name: string
  readonly scope: 'global' | 'mesh'
  /** It is in versions before 3.0 alone. */
  readonly gone?: true
}

/** Also for a name in lower case, as events have it. */
export function resourceType(name: string): ResourceType | undefined {
  return TYPES.get(name.toLowerCase())
}

export function typeNames(): readonly string[] {
  return [...TYPES.values()].map(({ name }) => name)
}

const GLOBAL =
  'Config Zone ZoneInsight ZoneOverview Mesh MeshInsight HostnameGenerator GlobalSecret AccessRole AccessRoleBinding AccessAudit'
const GLOBAL_GONE = 'ZoneIngress ZoneIngressInsight ZoneIngressOverview ZoneEgress ZoneEgressInsight ZoneEgressOverview'
const OF_MESHES = [
  'Secret Dataplane DataplaneInsight DataplaneOverview ServiceInsight MeshService MeshMultiZoneService',
  'MeshExternalService MeshIdentity MeshTrust MeshOpenTelemetryBackend MeshZoneAddress Workload MeshAccessLog',
  'MeshCircuitBreaker MeshFaultInjection MeshHealthCheck MeshHTTPRoute MeshLoadBalancingStrategy MeshMetric',
  'MeshPassthrough MeshProxyPatch MeshRateLimit MeshRetry MeshTCPRoute MeshTimeout MeshTLS MeshTrace',
  // Kong's own.
  'MeshTrafficPermission MeshOPA MeshGlobalRateLimit',
].join(' ')
const OF_MESHES_GONE = [
  'CircuitBreaker ExternalService FaultInjection HealthCheck MeshGateway MeshGatewayRoute OPAPolicy ProxyTemplate',
  'RateLimit Retry Timeout TrafficLog TrafficPermission TrafficRoute TrafficTrace VirtualOutbound',
].join(' ')

/** Of `pkg/**\/zz_generated.resource*.go` of kumahq/kuma, and what Kong's documents name beside. */
const TYPES: ReadonlyMap<string, ResourceType> = new Map(
  [
    ...typesOf(GLOBAL, { scope: 'global' }),
    ...typesOf(GLOBAL_GONE, { scope: 'global', gone: true }),
    ...typesOf(OF_MESHES, { scope: 'mesh' }),
    ...typesOf(OF_MESHES_GONE, { scope: 'mesh', gone: true }),
  ].map((type) => [type.name.toLowerCase(), type]),
)

function typesOf(names: string, what: Omit<ResourceType, 'name'>): readonly ResourceType[] {
  return names.split(' ').map((name) => ({ name, ...what }))
}
