"""What a page must have for everybody to use it, as far as a program can see.

Names, labels and contrast (WCAG 2.2 AA); nothing to scroll sideways, and no button that is cut off.
"""

from __future__ import annotations

from playwright.async_api import Page, ViewportSize

from tests.big import BIG

# Light-DOM elements and open shadow roots are walked alike. Text over a gradient or a picture is left to the eye.
_AUDIT = r"""
() => {
  const faults = [];
  const all = [];
  (function walk(root) {
    for (const element of root.querySelectorAll("*")) {
      all.push(element);
      if (element.shadowRoot && element.localName !== "wa-icon") walk(element.shadowRoot);
    }
  })(document);
  const parent = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host ?? null;
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && element.getClientRects().length > 0 && !element.closest("[inert]");
  const label = (element) => `${element.localName}.${element.className || element.id || ""}`.slice(0, 60)
    + ` “${(element.textContent || "").trim().slice(0, 30)}”`;
  const spoken = (element) => {
    const copy = element.cloneNode(true);
    for (const hidden of copy.querySelectorAll("[aria-hidden=true]")) hidden.remove();
    let text = copy.textContent.trim();
    for (const inner of copy.querySelectorAll("[aria-label], img[alt], wa-icon[label]")) {
      text += inner.getAttribute("aria-label") ?? inner.getAttribute("alt") ?? inner.getAttribute("label") ?? "";
    }
    return text;
  };
  const named = (element) => {
    if (element.getAttribute("aria-label")?.trim() || element.title?.trim()) return true;
    const by = element.getAttribute("aria-labelledby");
    if (by && by.split(" ").every((id) => element.getRootNode().getElementById(id)?.textContent.trim())) return true;
    if (element.labels?.length && [...element.labels].some((one) => spoken(one))) return true;
    const host = element.getRootNode().host;
    return Boolean(spoken(element)) || Boolean(host && spoken(host));
  };
  for (const element of all) {
    if (!shown(element)) continue;
    if (element.matches("button, a[href], input:not([type=hidden]), textarea, select, dialog[open], [role=radiogroup], "
      + "[role=group], [role=log], [role=application], [role=timer], [role=region], iframe, meter, video")) {
      if (!named(element)) faults.push(`no name: ${label(element)}`);
    }
    if (element.matches("img:not([alt])")) faults.push(`no alt: ${label(element)}`);
    if (element.matches("[tabindex]") && element.tabIndex > 0) faults.push(`tab order: ${label(element)}`);
    for (const name of ["aria-labelledby", "aria-describedby", "aria-controls"]) {
      for (const id of (element.getAttribute(name) ?? "").split(" ").filter(Boolean)) {
        if (!element.getRootNode().getElementById(id)) faults.push(`${name} names nothing: ${label(element)}`);
      }
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) faults.push(`id twice: ${id}`);
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title.trim()) faults.push("no title");

  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const over = (top, under) => top.slice(0, 3).map((part, index) => part * top[3] + under[index] * (1 - top[3]));
  const luminance = (colour) => colour.slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const background = (element) => {
    const layers = [];
    for (let node = element; node; node = parent(node)) {
      const style = getComputedStyle(node);
      if (style.backgroundImage !== "none" || node.localName === "video-tile") return null;
      const colour = rgba(style.backgroundColor);
      layers.push(colour);
      if (colour[3] === 1 || node.localName === "dialog") break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  for (const element of all) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text || !shown(element) || element.matches("style, script, option, title, :disabled")) continue;
    if (element.closest(":disabled, .visually-hidden, wa-switch[disabled], wa-button[disabled]")) continue;
    const under = background(element);
    if (!under) continue;
    const style = getComputedStyle(element);
    const ink = over(rgba(style.color), under);
    const [light, dark] = [luminance(ink), luminance(under)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600) ? 3 : 4.5;
    if (ratio < needed) faults.push(`contrast ${ratio.toFixed(2)}: ${label(element)}`);
  }

  // Edges of fields, and the ring of what has the focus: 3 to 1 against what is around them (WCAG 1.4.11).
  const apart = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  for (const element of all) {
    if (!element.matches("select, textarea, input:not([type=hidden], [type=radio], [type=checkbox])")) continue;
    const around = background(parent(element));
    if (!shown(element) || element.disabled || !around) continue;
    const style = getComputedStyle(element);
    const edge = parseFloat(style.borderTopWidth) > 0 ? over(rgba(style.borderTopColor), around) : around;
    const ratio = Math.max(apart(edge, around), apart(over(rgba(style.backgroundColor), around), around));
    if (ratio < 3) faults.push(`edge ${ratio.toFixed(2)}: ${label(element)}`);
  }
  const focused = document.activeElement;
  if (focused?.matches(":focus-visible") && !focused.localName.includes("-") && shown(focused)) {
    const style = getComputedStyle(focused);
    const inside = parseFloat(style.outlineOffset) < 0;
    const ground = background(inside ? focused : parent(focused));
    if (ground && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) {
      const ratio = apart(over(rgba(style.outlineColor), ground), ground);
      if (ratio < 3) faults.push(`ring ${ratio.toFixed(2)}: ${label(focused)}`);
    }
  }

  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`${root.scrollWidth - root.clientWidth}px to scroll sideways`);
  for (const element of all) {
    if (!element.matches("button, a[href], wa-button, select, input:not([type=hidden]), textarea")) continue;
    if (!shown(element) || element.closest(".visually-hidden")) continue;
    if (element.matches("button, a") && getComputedStyle(element).display !== "inline") {
      if (element.scrollWidth > element.clientWidth + 1) faults.push(`text wider than a button: ${label(element)}`);
      if (element.scrollHeight > element.clientHeight + 2) faults.push(`text taller than a button: ${label(element)}`);
    }
    const box = element.getBoundingClientRect();
    if (box.width <= 1) continue;
    for (let node = parent(element); node; node = parent(node)) {
      const { overflowX } = getComputedStyle(node);
      if (overflowX === "auto" || overflowX === "scroll") break;
      const edge = node === root || overflowX === "visible" ? null : node.getBoundingClientRect();
      if (edge && (box.left < edge.left - 1 || box.right > edge.right + 1)) faults.push(`cut off: ${label(element)}`);
    }
    if (box.left < -1 || box.right > innerWidth + 1) faults.push(`off the screen: ${label(element)}`);
  }
  return [...new Set(faults)];
}
"""

# Counts what a screen reader would say of a live region from now on.
COUNT = """(selector) => {
  window.__changes = 0;
  new MutationObserver((changes) => (window.__changes += changes.length)).observe(
    document.querySelector(selector), { subtree: true, childList: true, characterData: true, attributes: true });
}"""


async def faults(page: Page) -> list[str]:
    """Return what is wrong with the page as it is shown now; an empty list is what a test wants."""
    found: list[str] = await page.evaluate(_AUDIT)
    return found


SPEAK = """async (language) => {
  const { setLanguage } = await import("/static/src/i18n.js");
  await setLanguage(language);
  for (let frame = 0; frame < 3; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
}"""


# As wide as letters are where a machine has none of the fonts that the pages ask for.
WIDER = """async (wider) => {
  const sheet = new CSSStyleSheet();
  if (wider) sheet.replaceSync(":root, button, select { letter-spacing: 0.07em }");
  document.adoptedStyleSheets = [sheet];
  for (let frame = 0; frame < 2; frame++) await new Promise((resolve) => requestAnimationFrame(resolve));
}"""


async def faults_everywhere(page: Page, *screens: ViewportSize) -> list[str]:
    """Return what is wrong in Chinese and in English, on this screen and on `screens`; the page is left as it was.

    English on this screen is looked at in wider letters too.
    """
    own = page.viewport_size
    assert own is not None
    found: list[str] = []
    for screen in (own, *screens):
        await page.set_viewport_size(screen)
        before = await page.evaluate("document.documentElement.lang")
        languages = ("en", "zh-CN") if before == "zh-CN" else ("zh-CN", "en")
        # Ends with the language that it began with. On other screens only the longer one is looked at every time.
        for language in languages if BIG or screen is own else ("en",):
            await page.evaluate(SPEAK, language)
            found += [f"{language} {screen['width']}: {fault}" for fault in await faults(page)]
            if language == "en" and screen is own:
                await page.evaluate(WIDER, True)
                found += [f"wider letters: {fault}" for fault in await faults(page)]
                await page.evaluate(WIDER, False)
        if await page.evaluate("document.documentElement.lang") != before:
            await page.evaluate(SPEAK, before)
    await page.set_viewport_size(own)
    return found
