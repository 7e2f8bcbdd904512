// Generated from link/protocol by `python -m link.protocol.generate`. Do not edit.

/** A frame that was received in time: by which leg, its RTP timestamp there, and when it was captured. */
export interface MediaMark {
  leg: string;
  stamp: number;
  at_ms: number;
}

export type Language = "zh-CN" | "en";

export type Face = "kiosk" | "page" | "console" | "guide";

export type SessionState = "waiting" | "ringing" | "active" | "held" | "ended" | "closed";

export type Presence = "offline" | "away" | "not_responding" | "available" | "ringing" | "busy" | "wrap_up";

export type ParticipantRole = "customer" | "specialist" | "consultant" | "interpreter" | "guide" | "supervisor";

export type ParticipantMode = "talk" | "hold" | "monitor" | "whisper" | "barge";

export type DocumentState = "requested" | "agreed" | "declined" | "failed" | "stored" | "accepted" | "rejected";

export type NetworkQuality = "good" | "weak" | "bad";

/** A service a customer may ask an expert about. */
export interface Service {
  id: string;
  name_zh: string;
  name_en: string;
  icon: string;
}

/** The recording notice the customer agreed to; the text itself is configuration, versioned. */
export interface Consent {
  version: string;
  language: Language;
}

/** The recording notice in force. */
export interface Notice {
  version: string;
  text_zh: string;
  text_en: string;
}

/** A STUN or TURN server (RTCIceServer of W3C WebRTC). There is no default. */
export interface IceServer {
  urls: string[];
  username: string;
  credential: string;
}

/** A document of a session, as far as it has come. Sizes in bytes and pixels. */
export interface Document {
  id: string;
  label: string;
  state: DocumentState;
  note: string;
  reason: string;
  media_type: string;
  size: number;
  width: number;
  height: number;
  incomplete: boolean;
}

/** One track the recorder writes, for the notice of what is being recorded. */
export interface RecordedTrack {
  name: string;
  kind: string;
}

export type WhenUnrecorded = "warn" | "pause" | "end";

/** A track that has to be recorded and is not, for two seconds or more. ``reason`` is that of the gap. */
export interface StalledTrack {
  name: string;
  reason: string;
}

/** A span of a track that should be recorded and is not, in milliseconds from the session's start, and why. */
export interface MissingPiece {
  start_ms: number;
  end_ms: number;
  reason: string;
}

/** How complete a track is. Milliseconds: what should be recorded of it by now, and what is. */
export interface TrackStatement {
  track: string;
  kind: string;
  expected_ms: number;
  recorded_ms: number;
  missing: MissingPiece[];
  reason: string | null;
}

/** Nothing is recorded on purpose, because something is said, shown or typed that no record may hold. */
export interface SensitivePause {
  by: string;
  reason: string;
  automatic: boolean;
  paused_s: number;
  overdue: boolean;
}

/** The network between the server and one participant is not good. */
export interface Network {
  participant: string;
  quality: NetworkQuality;
  reason: string;
}

/** Somebody who takes part in a session, or is asked to (``invited``). ``id`` is ``<role>-<n>``. */
export interface Participant {
  id: string;
  role: ParticipantRole;
  person: string;
  name: string;
  present: boolean;
  invited: boolean;
  mode: ParticipantMode;
  to: string | null;
}

/** Everything a face needs to draw a session; sent whole at every change, so any copy of it repairs a missed one. */
export interface Session {
  id: string;
  state: SessionState;
  kiosk: string;
  kiosk_name: string;
  branch: string;
  branch_zh: string;
  branch_en: string;
  service: Service;
  language: Language;
  elderly: boolean;
  step: string;
  position: number;
  wait_s: number | null;
  staffed: boolean;
  waited_s: number;
  active_s: number;
  participants: Participant[];
  specialist: string | null;
  specialist_name: string;
  kiosk_connected: boolean;
  specialist_connected: boolean;
  recording: RecordedTrack[];
  stalled: StalledTrack[];
  stopped: boolean;
  pauses: SensitivePause[];
  network: Network[];
  documents: Document[];
  note: string;
  requeued: boolean;
  end_reason: string | null;
  ended_by: string | null;
  rated: number | null;
  outcome: string | null;
  chosen: string | null;
  closes_s: number | null;
  extensions: number;
}

/** One chat line. ``sender`` is a participant; ``at_ms`` counts from the session's start. */
export interface Chat {
  id: string;
  sender: string;
  text: string;
  at_ms: number;
}

/** One row of the console's queue. */
export interface WaitingCall {
  session: string;
  service: Service;
  branch_zh: string;
  branch_en: string;
  language: Language;
  waited_s: number;
  fits: boolean;
}

/** One row of the guide's page: a kiosk of the branch. */
export interface KioskStatus {
  kiosk: string;
  name: string;
  online: boolean;
  session_state: SessionState | null;
  assistance: string | null;
  assistance_s: number;
  taken_by: string;
}

/** Base of client messages. */
export interface ClientBase {
  type: "ClientBase";
}

/** Whether a call could be recorded just now, before the customer is asked to agree to it. Reply: ``done``. */
export interface CallCheck {
  type: "call_check";
}

/** A customer who has agreed to the recording notice asks for an expert. Reply: ``session``. */
export interface CallRequest {
  type: "call_request";
  request: string;
  service: string;
  language: Language;
  consent: Consent;
  elderly?: boolean;
  step?: string;
}

/** The customer leaves the queue or ends the call. Reply: ``done``; ending an ended session is no error. */
export interface CallEnd {
  type: "call_end";
  session: string;
  reason?: string;
}

/** The customer's rating, 1 to 5 stars, once; ``None``: the customer is gone and gives none. Reply: ``done``. */
export interface Rate {
  type: "rate";
  session: string;
  stars: number | null;
}

/** The customer reached a step of the form on the kiosk. */
export interface FormStep {
  type: "form_step";
  session: string;
  step: string;
}

/** The customer is in a field for secrets, or has left it: nothing is recorded meanwhile. Reply: ``done``. */
export interface SecretFocus {
  type: "secret_focus";
  session: string;
  focused: boolean;
}

/** The customer agrees that the document be taken, or does not, or takes an agreement back. Reply: ``done``. */
export interface DocumentAnswer {
  type: "document_answer";
  session: string;
  document: string;
  agreed: boolean;
}

/** The kiosk client could not take or deliver the document. Reply: ``done``. */
export interface DocumentFailed {
  type: "document_failed";
  session: string;
  document: string;
  reason: string;
}

/** The customer asks for a person of the branch's lobby staff, or needs none any more. Reply: ``done``. */
export interface AssistanceRequest {
  type: "assistance_request";
  reason?: string;
  withdrawn?: boolean;
}

/** A piece of a batch of rrweb events (a JSON array, cut into ``parts`` strings of at most 16,000 UTF-16 units). */
export interface CobrowsePiece {
  type: "cobrowse_piece";
  session: string;
  epoch: string;
  batch: number;
  part: number;
  parts: number;
  data: string;
}

/** Asks what a new peer connection may use, right before each ``leg_offer``. Reply: ``leg_servers``. */
export interface LegPrepare {
  type: "leg_prepare";
  session: string;
}

/** A new peer connection for this participant (replaces an older one). Reply: ``leg_answer``. */
export interface LegOffer {
  type: "leg_offer";
  session: string;
  leg: string;
  sdp: string;
  keeps?: boolean;
}

/** A trickled ICE candidate (RFC 8838); the empty string ends them. */
export interface LegCandidate {
  type: "leg_candidate";
  leg: string;
  candidate: string;
  mid?: string;
}

/** The participant closed its peer connection. */
export interface LegClose {
  type: "leg_close";
  leg: string;
}

/** A chat line; ``id`` is made by the sender, and the same id is stored once. Reply: ``done``. */
export interface ChatSend {
  type: "chat_send";
  session: string;
  id: string;
  text: string;
}

/** The specialist takes calls, or does not; said in a call, from its end on. Reply: ``presence``. */
export interface SetPresence {
  type: "set_presence";
  available: boolean;
}

/** The specialist takes the call that rings. Reply: ``session``. */
export interface Answer {
  type: "answer";
  session: string;
}

/** The specialist does not take the call that rings; the next one is rung. Reply: ``done``. */
export interface Decline {
  type: "decline";
  session: string;
}

/** Hold or resume: nothing is heard or seen either way while held. Reply: ``done``. */
export interface Hold {
  type: "hold";
  session: string;
  held: boolean;
}

/** Record nothing, because something comes that no record may hold, or go on. Reply: ``done``. */
export interface RecordPause {
  type: "record_pause";
  session: string;
  paused: boolean;
  reason?: string;
}

/** The specialist ends the call. Reply: ``done``. */
export interface HangUp {
  type: "hang_up";
  session: string;
}

/** How the call went; ends the specialist's wrap-up. Reply: ``done``. */
export interface Dispose {
  type: "dispose";
  session: string;
  outcome: string;
  note?: string;
}

/** The outcome that is chosen so far: it stands if the wrap-up's time runs out. Reply: ``done``. */
export interface OutcomeChoose {
  type: "outcome_choose";
  session: string;
  outcome: string;
}

/** The wrap-up's time begins anew, a few times per session. Reply: ``session``. */
export interface WrapUpExtend {
  type: "wrap_up_extend";
  session: string;
}

/** The specialist's notes, whole. Reply: ``done``. */
export interface NoteSave {
  type: "note_save";
  session: string;
  text: string;
}

/** The specialist asks to see a document. Reply: ``session``. */
export interface DocumentRequest {
  type: "document_request";
  session: string;
  label: string;
  note?: string;
}

/** The specialist accepts a document, or rejects it with a reason and so asks again. Reply: ``done``. */
export interface DocumentDecide {
  type: "document_decide";
  session: string;
  document: string;
  accepted: boolean;
  reason?: string;
}

/** The specialist's pointer on the kiosk's page: fractions of its width and height; null takes it away. */
export interface Point {
  type: "point";
  session: string;
  x?: number | null;
  y?: number | null;
}

/** Outline the element with this rrweb node id on the kiosk's page; null takes the outline away. */
export interface Highlight {
  type: "highlight";
  session: string;
  node?: number | null;
}

/** The console needs the whole picture again: a late, returning or confused viewer. */
export interface CobrowseRefresh {
  type: "cobrowse_refresh";
  session: string;
  failed?: boolean;
}

/** Ask somebody of the bank to take part in the call. Reply: ``session``. */
export interface ParticipantInvite {
  type: "participant_invite";
  session: string;
  person: string;
  role: ParticipantRole;
}

/** Who was asked joins, or does not. Reply: ``session`` or ``done``. */
export interface InvitationAnswer {
  type: "invitation_answer";
  session: string;
  joins: boolean;
}

/** A participant leaves the call, an invitation is withdrawn, or the lead shows somebody out. Reply: ``done``. */
export interface ParticipantRemove {
  type: "participant_remove";
  session: string;
  participant: string;
}

/** Somebody takes part in another mode: the lead holds and resumes others, supervisors choose their own. */
export interface SetMode {
  type: "set_mode";
  session: string;
  participant: string;
  mode: ParticipantMode;
  to?: string | null;
}

/** A guide goes to the customer; ``done`` says that it is over. Reply: ``done``. */
export interface AssistanceTake {
  type: "assistance_take";
  kiosk: string;
  done?: boolean;
}

/** Base of server messages. */
export interface ServerBase {
  type: "ServerBase";
}

/** The request was carried out and is durable. */
export interface Done {
  type: "done";
}

/** What a kiosk needs to know; sent after every new (not resumed) connection and when it changes. */
export interface KioskConfig {
  type: "kiosk_config";
  kiosk: string;
  name: string;
  branch_zh: string;
  branch_en: string;
  services: Service[];
  notice: Notice;
  bank_zh: string;
  bank_en: string;
}

/** Kiosk client to page: whether the server is reached, and what the kiosk has. */
export interface PageStatus {
  type: "page_status";
  online: boolean;
  document_camera: boolean;
  silent: boolean;
  clock_off_s: number;
  tray_open: boolean;
}

/** What a console needs to know; sent after every new (not resumed) connection. */
export interface ConsoleConfig {
  type: "console_config";
  person: string;
  name: string;
  languages: Language[];
  services: Service[];
  outcomes: string[];
  document_labels: string[];
  ring_s: number;
}

/** The specialist's presence, after every change of it. */
export interface PresenceState {
  type: "presence";
  presence: Presence;
  takes_calls: boolean;
  reason: string | null;
}

/** The calls that wait, after every change and every 5 s while any wait: at most 50 rows, ``waiting`` counts all. */
export interface QueueState {
  type: "queue";
  waiting: number;
  calls: WaitingCall[];
  available: number;
}

/** A call rings at this console until answered, declined or stopped; ``remaining_s`` counts down from 20. */
export interface Ring {
  type: "ring";
  session: Session;
  remaining_s: number;
}

/** Somebody asks this person to take part in a call, as ``participant``; it ends after ``remaining_s`` seconds. */
export interface Invitation {
  type: "invitation";
  session: Session;
  participant: string;
  remaining_s: number;
}

/** It is over: ``joined``, ``declined``, ``withdrawn``, ``timeout``, ``left``, ``lost`` or ``restart``. */
export interface InvitationOver {
  type: "invitation_over";
  session: string;
  reason: string;
}

/** It rings no more here: ``answered``, ``declined``, ``timeout``, ``left`` or ``lost``. */
export interface RingStop {
  type: "ring_stop";
  session: string;
  reason: string;
}

/** The session as it is now. */
export interface SessionUpdate {
  type: "session";
  session: Session;
}

/** How complete the recording of a call is: every two seconds, at once when something is missing, and at the end. */
export interface RecordingStatement {
  type: "recording_statement";
  session: string;
  tracks: TrackStatement[];
  complete: boolean;
  final: boolean;
}

/** This client has no session (any more): back to idle. */
export interface SessionGone {
  type: "session_gone";
  reason: string | null;
  session: string | null;
}

/** A chat line, the sender's own included; after a new connection the whole chat again, in order. */
export interface ChatMessage {
  type: "chat";
  session: string;
  chat: Chat;
}

/** ICE servers of one peer connection, with credentials that end soon; ``relay_only``: nothing but TURN is used. */
export interface LegServers {
  type: "leg_servers";
  ice_servers: IceServer[];
  relay_only: boolean;
}

/** The answer to a leg's offer; it carries all candidates of the answering end. */
export interface LegAnswer {
  type: "leg_answer";
  leg: string;
  sdp: string;
}

/** The other end lost this peer connection; the client makes a new one under the same participant. */
export interface LegLost {
  type: "leg_lost";
  leg: string;
}

/** To the kiosk client: deliver what was captured of this track from ``start_ms`` to ``end_ms`` of the session. */
export interface MediaWanted {
  type: "media_wanted";
  session: string;
  wanted: string;
  track: string;
  start_ms: number;
  end_ms: number;
  after: MediaMark | null;
  before: MediaMark | null;
  follows: boolean;
}

/** To the kiosk client: nothing more of the session is wanted; what was kept is deleted. */
export interface MediaComplete {
  type: "media_complete";
  session: string;
}

/** A sanitised piece of a batch, for the console (see ``cobrowse_piece``). */
export interface CobrowseBatch {
  type: "cobrowse";
  session: string;
  epoch: string;
  batch: number;
  part: number;
  parts: number;
  data: string;
}

/** What the console shows of the customer's page is not current: what came could not be passed on. */
export interface CobrowseStale {
  type: "cobrowse_stale";
  session: string;
}

/** The page takes a full rrweb snapshot now, as the start of a new epoch. */
export interface TakeSnapshot {
  type: "take_snapshot";
  session: string;
}

/** The specialist's pointer, for the page. */
export interface PointAt {
  type: "point_at";
  session: string;
  x: number | null;
  y: number | null;
}

/** The specialist's outline, for the page. */
export interface HighlightNode {
  type: "highlight_node";
  session: string;
  node: number | null;
}

/** The kiosks of the guide's branches, after every change. */
export interface BranchState {
  type: "branch";
  kiosks: KioskStatus[];
}

/** To the kiosk: whether a person of the branch was asked, and whether one is coming. */
export interface AssistanceState {
  type: "assistance";
  asked: boolean;
  taken_by: string;
}

/** Base of frames. */
export interface Frame {
  frame: "Frame";
}

/** First frame of a client on every WebSocket. ``resume`` and ``received`` continue an earlier stream. */
export interface Hello {
  frame: "hello";
  version: number;
  resume?: string | null;
  received?: number;
}

/** First frame of the server. ``resumed`` false: the stream is new, both ends count from 1, state is sent afresh. */
export interface Welcome {
  frame: "welcome";
  version: number;
  face: Face;
  resume: string;
  resumed: boolean;
  received: number;
  heartbeat_s: number;
}

/** Either end, when it sent nothing for ``heartbeat_s``; answered by ``pong`` at once. */
export interface Ping {
  frame: "ping";
  n: number;
}

/** Answer to ``ping``. */
export interface Pong {
  frame: "pong";
  n: number;
}

/** All data frames up to ``received`` arrived; sent after 16 frames or 0.5 s when no data frame carries it. */
export interface Ack {
  frame: "ack";
  received: number;
}

/** Last frame before a close: why, with a stable code, and when to come back (seconds; null: not by itself). */
export interface Bye {
  frame: "bye";
  code: string;
  message: string;
  retry_after: number | null;
}

/** A client's data frame; with ``id`` a request, without one a notification. */
export interface Say {
  frame: "say";
  seq: number;
  ack: number;
  body: ClientMessage;
  id?: number | null;
}

/** A server's data frame; with ``id`` the reply to that request. */
export interface Tell {
  frame: "tell";
  seq: number;
  ack: number;
  body: ServerMessage;
  id: number | null;
}

/** A server's data frame: the request ``id`` was refused. ``retry_after`` in seconds where trying again helps. */
export interface Failure {
  frame: "failure";
  seq: number;
  ack: number;
  id: number;
  code: string;
  message: string;
  retry_after: number | null;
}

export type ClientMessage =
  | CallCheck
  | CallRequest
  | CallEnd
  | Rate
  | FormStep
  | SecretFocus
  | DocumentAnswer
  | DocumentFailed
  | AssistanceRequest
  | CobrowsePiece
  | LegPrepare
  | LegOffer
  | LegCandidate
  | LegClose
  | ChatSend
  | SetPresence
  | Answer
  | Decline
  | Hold
  | RecordPause
  | HangUp
  | Dispose
  | OutcomeChoose
  | WrapUpExtend
  | NoteSave
  | DocumentRequest
  | DocumentDecide
  | Point
  | Highlight
  | CobrowseRefresh
  | ParticipantInvite
  | InvitationAnswer
  | ParticipantRemove
  | SetMode
  | AssistanceTake
;

export type ServerMessage =
  | Done
  | KioskConfig
  | PageStatus
  | ConsoleConfig
  | PresenceState
  | QueueState
  | Ring
  | RingStop
  | Invitation
  | InvitationOver
  | SessionUpdate
  | RecordingStatement
  | SessionGone
  | ChatMessage
  | LegServers
  | LegAnswer
  | LegLost
  | MediaWanted
  | MediaComplete
  | CobrowseBatch
  | CobrowseStale
  | TakeSnapshot
  | PointAt
  | HighlightNode
  | BranchState
  | AssistanceState
;

export type ClientFrame =
  | Hello
  | Ping
  | Pong
  | Ack
  | Bye
  | Say
;

export type ServerFrame =
  | Welcome
  | Ping
  | Pong
  | Ack
  | Bye
  | Tell
  | Failure
;
