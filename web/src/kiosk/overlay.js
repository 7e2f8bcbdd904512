// The specialist's pointer and outline on the customer's page. Not part of what rrweb records.
import { nodeById } from "../cobrowse/record.js";
import { t } from "../i18n.js";
import { BLOCK } from "../cobrowse/mask.js";

/** The outline follows its element while it is shown. */
const FOLLOW_MS = 100;
const MARGIN = 8;

/** @param {import("./kiosk.js").Kiosk} kiosk */
export function showHand(kiosk) {
  const layer = document.createElement("div");
  layer.className = "hand-layer";
  layer.setAttribute(BLOCK, "");
  layer.setAttribute("aria-hidden", "true");
  const pointer = document.createElement("div");
  pointer.className = "hand";
  const label = document.createElement("span");
  pointer.append(label);
  const outline = document.createElement("div");
  outline.className = "outline";
  layer.append(outline, pointer);
  document.body.append(layer);
  pointer.hidden = true;
  outline.hidden = true;

  kiosk.addEventListener("point", (event) => {
    const at = /** @type {CustomEvent<{x: number, y: number} | null>} */ (event).detail;
    pointer.hidden = at === null;
    if (!at) return;
    label.textContent = t("Expert");
    pointer.style.transform = `translate(${at.x * innerWidth}px, ${at.y * innerHeight}px)`;
  });

  /** @type {Element | null} */
  let target = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let following;

  const follow = () => {
    const box = target?.isConnected ? target.getBoundingClientRect() : null;
    outline.hidden = box === null || box.width === 0;
    if (!box) return;
    outline.style.transform = `translate(${box.left - MARGIN}px, ${box.top - MARGIN}px)`;
    outline.style.width = `${box.width + 2 * MARGIN}px`;
    outline.style.height = `${box.height + 2 * MARGIN}px`;
  };

  kiosk.addEventListener("highlight", (event) => {
    const id = /** @type {CustomEvent<number | null>} */ (event).detail;
    const node = id === null ? null : nodeById(id);
    target = node instanceof Element ? node : (node?.parentElement ?? null);
    clearInterval(following);
    outline.hidden = target === null;
    if (!target) return;
    const box = target.getBoundingClientRect();
    if (box.top < 0 || box.bottom > innerHeight) target.scrollIntoView({ block: "center", behavior: "smooth" });
    follow();
    following = setInterval(follow, FOLLOW_MS);
  });
}
