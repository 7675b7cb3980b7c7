/** An AccessAudit of Kong Mesh in either of its two forms. Plain data. */
export interface AccessAudit {
  readonly name: string
}
