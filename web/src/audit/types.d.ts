/** An entry of the audit log, its time in unix milliseconds. Names are those of today, empty where there is none. */
export interface Entry {
  seq: number;
  at_ms: number;
  actor: string;
  actor_name: string;
  action: string;
  object: string;
  object_name: string;
  detail: Record<string, unknown>;
}

/** A page, newest first; `after` and `before` lead to the next one and the one before. */
export interface AuditPage {
  entries: Entry[];
  after: number | null;
  before: number | null;
}
