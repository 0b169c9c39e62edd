/** Who asks, and under which request: passed along every call that acts for a caller. */
export interface RequestContext {
  tenantId: string;
  /** `key:ID`, `service:NAME` or `cli`: what the ledger names as actor. */
  actor: string;
  requestId: string;
}
