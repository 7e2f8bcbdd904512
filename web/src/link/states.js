// Generated from link/protocol by `python -m link.protocol.generate`. Do not edit.

/** @typedef {"waiting" | "ringing" | "active" | "held"} OpenState */
/** @param {string | undefined} state @returns {state is OpenState} */
export const isOpen = (state) => state !== undefined && ["waiting", "ringing", "active", "held"].includes(state);

/** @typedef {"waiting" | "ringing"} QueueingState */
/** @param {string | undefined} state @returns {state is QueueingState} */
export const isQueueing = (state) => state !== undefined && ["waiting", "ringing"].includes(state);

/** @typedef {"active" | "held"} TalkingState */
/** @param {string | undefined} state @returns {state is TalkingState} */
export const isTalking = (state) => state !== undefined && ["active", "held"].includes(state);

/** @typedef {"ended" | "closed"} OverState */
/** @param {string | undefined} state @returns {state is OverState} */
export const isOver = (state) => state !== undefined && ["ended", "closed"].includes(state);
