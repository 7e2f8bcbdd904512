// Where on the page the customer is just doing something: the pointer or finger, the field that has the focus or is typed into.

const INCREMENTAL = 3;
const [MOUSE_MOVE, MOUSE_INTERACTION, INPUT, TOUCH_MOVE, DRAG] = [1, 2, 5, 6, 12];
const FOCUS = 5;

/**
 * The point of the page that an rrweb event tells of, in the page's pixels; null where it tells of none.
 *
 * @param {any} event
 * @param {(id: number) => Node | null} nodeOf
 * @returns {{x: number, y: number} | null}
 */
export function whereabouts(event, nodeOf) {
  if (event?.type !== INCREMENTAL) return null;
  const { data } = event;
  switch (data.source) {
    case MOUSE_MOVE:
    case TOUCH_MOVE:
    case DRAG:
      return point(data.positions?.at(-1));
    case MOUSE_INTERACTION:
      return point(data) ?? (data.type === FOCUS ? middleOf(nodeOf(data.id)) : null);
    case INPUT:
      return middleOf(nodeOf(data.id));
    default:
      return null;
  }
}

/** @param {any} at */
const point = (at) => (Number.isFinite(at?.x) && Number.isFinite(at?.y) ? { x: at.x, y: at.y } : null);

/** @param {any} node */
function middleOf(node) {
  const box = node?.getBoundingClientRect?.();
  return box && (box.width || box.height) ? { x: box.left + box.width / 2, y: box.top + box.height / 2 } : null;
}
