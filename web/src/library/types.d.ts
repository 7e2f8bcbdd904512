/** A session as lists show it; times in unix milliseconds. */
export interface Brief {
  id: string;
  state: string;
  kiosk: string;
  kiosk_name: string;
  branch: string;
  branch_zh: string;
  branch_en: string;
  service: string;
  service_zh: string;
  service_en: string;
  language: string;
  specialist: string | null;
  specialist_name: string | null;
  requested_ms: number;
  answered_ms: number | null;
  ended_ms: number | null;
  closed_ms: number | null;
  end_reason: string | null;
  outcome: string | null;
  rating: number | null;
  /** Under a legal hold. */
  held?: boolean;
  /** Deleted under a rule of retention: the journal is left, and a certificate. */
  deleted?: boolean;
  /** In the list: who reviews it. */
  review?: Review | null;
}

/** Who reviews a session. */
export interface Review {
  reviewer: string;
  name: string;
  done: boolean;
}

/** A request for an export that a second person decides; the list of them also has what the session is, and names. */
export interface Approval {
  id: string;
  session: string;
  kind: string;
  purpose: string;
  state: "none" | "pending" | "approved" | "refused" | "used" | "expired";
  asked_ms: number;
  left_s: number;
  asked_by: string;
  decided_by: string;
  requested_ms?: number;
  branch_zh: string;
  branch_en: string;
  service_zh: string;
  service_en: string;
}

/** A page of a search. `total` is how many there are, or at most when not `exact`; `first` the number of the first row. */
export interface Page {
  sessions: Brief[];
  total: number;
  exact: boolean;
  first: number | null;
  page: number;
  after: string | null;
  before: string | null;
  /** It ends early, because that was as much as one request looks through. */
  partial: boolean;
  /** Sessions that wait to be indexed. */
  pending: number;
}

/** Times in milliseconds of the session. */
export interface Segment {
  index: number;
  start_ms: number;
  end_ms: number;
  keyframe: boolean;
  recovered: boolean;
  /** When it had been delivered afterwards; 0 for what came in time. */
  arrived_ms: number;
}

export interface Gap {
  start_ms: number;
  end_ms: number;
  reason: string;
}

export interface Track {
  name: string;
  kind: string;
  codec: string;
  width: number;
  height: number;
  first_ms: number | null;
  segments: Segment[];
  gaps: Gap[];
}

export interface Moment {
  seq: number;
  at_ms: number;
  kind: string;
  data: Record<string, any>;
}

export interface Summary {
  track: string;
  kind: string;
  expected_ms: number;
  recorded_ms: number;
  gap_ms: number;
  segments: number;
}

export interface Manifest {
  session: Brief;
  seq: number;
  at_us: number;
  live: boolean;
  length_ms: number;
  tracks: Track[];
  moments: Moment[];
  complete: Summary[] | null;
  /** What follows `seq` is to be asked for. */
  more: boolean;
  /** The server's time in a session that is live. */
  now_ms: number | null;
}

export interface Choice {
  id: string;
  zh: string;
  en: string;
}

/** What is known of the check of a recording; the figures once it is done. */
export interface ProofReport {
  state: "none" | "waiting" | "running" | "done" | "failed";
  done: number;
  total: number;
  at_ms: number | null;
  count: number;
  findings: { part: string; track: string; index: number | null; where: string; problem: string }[];
  verdict: string | null;
  deleted?: Record<string, string> | null;
  entries: number | null;
  segments: number | null;
  documents: number | null;
}

/** What is known of an evidence bundle; the figures once it is made. */
export interface BundleReport {
  state: "none" | "waiting" | "running" | "stopped" | "failed" | "done";
  done?: number;
  total?: number;
  purpose?: string;
  verdict?: string | null;
  bytes?: number | null;
  /** It was downloaded to its end. */
  taken?: boolean;
  /** What became of the last request, where exports need a second person. */
  approval?: Partial<Approval>;
}

/** A legal hold; in force until `lifted_ms`. Times in unix milliseconds. */
export interface Hold {
  id: string;
  reason: string;
  placed_ms: number;
  placed_by: string;
  lifted_ms: number | null;
  lifted_by: string | null;
  lifted_reason: string | null;
  may_lift: boolean;
}

/** What the certificate of a deletion says in a few words. */
export interface DeletionReport {
  at_ms: number;
  by: string;
  rule: string;
  keep: string;
  counts_from: string;
  source: string;
  certificate_sha256: string;
}

/** What keeps a session, its holds, and its deletion. `until` is the last day that the rules keep it. */
export interface RetentionReport {
  keeps: { reason: string; until: string | null; rule: string | null; source: string | null };
  holds: Hold[];
  deletion: DeletionReport | null;
}
