// The blocks of WebM clusters as the server writes them (`server/recording/webm.py`): when each frame was captured.

const CLUSTER = 0x1f43b675;
const TIMESTAMP = 0xe7;
const SIMPLE_BLOCK = 0xa3;
/** Milliseconds of an Opus frame by the packet's configuration (RFC 6716 section 3.1). */
const OPUS_MS = [10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20];

/** `at_ms` is the frame's time in the session; its bytes are those `from` to before `to`. */
/** @typedef {{at_ms: number, keyframe: boolean, from: number, to: number}} Block */

/**
 * The blocks in their order; what is no such cluster ends them.
 *
 * @param {ArrayBuffer} data
 * @returns {Block[]}
 */
export function blocksOf(data) {
  const view = new DataView(data);
  /** @type {Block[]} */
  const blocks = [];
  let at = 0;
  while (at + 5 <= data.byteLength && view.getUint32(at) === CLUSTER) {
    const cluster = sized(view, at + 4);
    if (!cluster) break;
    at = cluster.from;
    let base = 0;
    while (at < cluster.to) {
      const identifier = view.getUint8(at);
      const element = sized(view, at + 1);
      if (!element || element.to > cluster.to) return blocks;
      if (identifier === TIMESTAMP) base = unsigned(view, element.from, element.to);
      else if (identifier === SIMPLE_BLOCK && element.to - element.from >= 4) {
        const at_ms = base + view.getInt16(element.from + 1);
        blocks.push({ at_ms, keyframe: (view.getUint8(element.from + 3) & 0x80) !== 0, from: element.from + 4, to: element.to });
      }
      at = element.to;
    }
  }
  return blocks;
}

/** How long the sound of an Opus packet is, in milliseconds. @param {Uint8Array} packet */
export function opusDuration(packet) {
  if (!packet.length) return 0;
  const frame = OPUS_MS[packet[0] >> 3] ?? 0;
  const count = packet[0] & 3;
  if (count < 3) return frame * (count ? 2 : 1);
  return packet.length > 1 ? frame * (packet[1] & 63) : 0;
}

/** Where an element's content begins and ends (RFC 8794 section 4). @param {DataView} view @param {number} at */
function sized(view, at) {
  if (at >= view.byteLength) return null;
  const first = view.getUint8(at);
  const width = Math.clz32(first) - 23;
  if (width > 8 || at + width > view.byteLength) return null;
  let size = first & (0xff >> width);
  for (let byte = 1; byte < width; byte++) size = size * 256 + view.getUint8(at + byte);
  const from = at + width;
  return from + size <= view.byteLength ? { from, to: from + size } : null;
}

/** @param {DataView} view @param {number} from @param {number} to */
function unsigned(view, from, to) {
  let value = 0;
  for (let at = from; at < to; at++) value = value * 256 + view.getUint8(at);
  return value;
}
