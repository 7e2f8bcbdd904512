// A voice's loudness over time, drawn into a lane of the timeline.

/** @typedef {import("./levels.js").VoiceLevels} VoiceLevels */

/** Columns of this many device pixels each: thin enough for a shape, and a third of the work. */
const COLUMN = 2;
/** Softer levels than this are a line and no shape: a room's noise. */
const FLOOR = 40;

/**
 * How high each column of a waveform is, 0 to 1; -1 where nothing is known.
 *
 * @param {VoiceLevels} voice
 * @param {number} length milliseconds that all columns have together
 * @param {number} columns
 */
export function heights(voice, length, columns) {
  const each = length / columns;
  return Array.from({ length: columns }, (_, column) => {
    const level = voice.loudest(column * each, (column + 1) * each);
    return level ? Math.max(0, (level - FLOOR) / (255 - FLOOR)) : -1;
  });
}

/** @param {HTMLCanvasElement} canvas @param {VoiceLevels} voice @param {number} length milliseconds */
export function drawWave(canvas, voice, length) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (!width || !height || !length) return;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const paint = canvas.getContext("2d");
  if (!paint) return;
  paint.clearRect(0, 0, width, height);
  paint.fillStyle = getComputedStyle(canvas).color;
  heights(voice, length, Math.ceil(width / COLUMN)).forEach((part, column) => {
    if (part < 0) return;
    const bar = Math.max(ratio, part * height);
    paint.fillRect(column * COLUMN, (height - bar) / 2, COLUMN, bar);
  });
}
