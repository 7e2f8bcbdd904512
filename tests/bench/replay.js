// Run in the player's page by `./dev bench replay`: reads from the pictures when they were captured, and measures.
(() => {
  const { RATE_MS, LOOP, BEGUN, CHANGE, FIELDS, FIELD } = window.__replay;
  const seen = { first: null, all: null, frames: new Map(), page: [], unread: 0, read: 0 };
  window.__replay = seen;
  const canvas = document.createElement("canvas");
  canvas.width = FIELDS;
  canvas.height = 1;
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const player = () => document.querySelector("library-player");
  const recording = () => player()?.recording;

  /** The number in the loop that a picture shows, or null. */
  function number(video) {
    paint.imageSmoothingEnabled = false;
    paint.drawImage(video, 0, FIELD / 2 - 1, FIELDS * FIELD, 2, 0, 0, FIELDS, 1);
    const pixels = paint.getImageData(0, 0, FIELDS, 1).data;
    let bits = 0;
    for (let field = 0; field < FIELDS; field++) bits = (bits << 1) | (pixels[field * 4] > 125 ? 1 : 0);
    const value = bits >> 5;
    return value >= 1 && (bits & 31) === (value * 7 + 3) % 31 ? value - 1 : null;
  }

  /** The moment of the session nearest to another one at which a picture of the loop was captured. */
  function moment(frame, near) {
    const span = LOOP * RATE_MS;
    const at = BEGUN + frame * RATE_MS;
    return at + Math.round((near - at) / span) * span;
  }

  function watch(name, video) {
    const kept = { last: null, list: [] };
    seen.frames.set(name, kept);
    const onFrame = (now, { expectedDisplayTime, mediaTime }) => {
      if (seen.first === null) seen.first = performance.now();
      const frame = number(video);
      seen.read += 1;
      if (frame === null) seen.unread += 1;
      else {
        kept.last = moment(frame, mediaTime * 1000);
        kept.list.push({ wall: expectedDisplayTime, media: mediaTime * 1000, content: kept.last });
        if (kept.list.length > 20_000) kept.list.splice(0, 10_000);
      }
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  }

  /** The time that the customer's page shows. */
  function shownOnPage() {
    const copy = recording()?.cobrowse?.stage?.replayer?.iframe?.contentDocument;
    const text = copy?.querySelector("#amount")?.value;
    return text ? Number(text) : null;
  }

  let before = null;
  /** After everything that draws in this frame has done so: what changed is seen with it. */
  const look = (now) => {
    const page = shownOnPage();
    if (page !== null && page !== before) seen.page.push({ wall: now, content: page });
    before = page;
  };
  const loop = (now) => {
    for (const video of document.querySelectorAll("[data-track] video")) {
      const name = video.closest("[data-track]").dataset.track;
      if (!seen.frames.has(name)) watch(name, video);
    }
    const names = [...seen.frames.values()];
    if (seen.all === null && names.length > 1 && names.every(({ last }) => last !== null) && before !== null) seen.all = performance.now();
    setTimeout(() => look(now));
    requestAnimationFrame(loop);
  };
  requestAnimationFrame(loop);

  /** Whether everything that is seen is of this moment, give or take a frame. */
  function isAt(ms, slack) {
    for (const { last } of seen.frames.values()) if (last === null || last > ms + slack || last <= ms - RATE_MS - 1 - slack) return false;
    const page = shownOnPage();
    return page !== null && page <= ms + slack && page > ms - CHANGE - slack;
  }

  /** Goes to a moment; how long until everything is of it, and how far the pictures then are from each other. */
  seen.seek = async (ms, limit = 10_000) => {
    const { clock } = recording();
    const began = performance.now();
    for (const kept of seen.frames.values()) kept.last = null;
    recording().seek(ms);
    const playing = clock.playing;
    for (;;) {
      await new Promise(requestAnimationFrame);
      const took = performance.now() - began;
      if (isAt(playing ? clock.now : ms, playing ? 100 : 0) && !clock.held) return { took, shown: [...seen.frames.values()].map(({ last }) => last), page: shownOnPage() };
      if (took > limit) return { took, late: true, shown: [...seen.frames.values()].map(({ last }) => last), page: shownOnPage(), now: clock.now };
    }
  };

  /** Forget what was seen so far: the next figures are of what comes. */
  seen.forget = () => {
    for (const kept of seen.frames.values()) kept.list.length = 0;
    seen.page.length = 0;
  };

  /** What a video showed at a moment of the wall clock, between one frame and the next. */
  function contentAt(list, wall, rate) {
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle].wall <= wall) low = middle + 1;
      else high = middle;
    }
    const [one, next] = [list[low - 1], list[low]];
    if (!one || !next || next.wall - one.wall > 250) return null;
    return one.content + Math.min((wall - one.wall) * rate, next.content - one.content);
  }

  /** How far videos and the customer's page are apart, in milliseconds, for each frame since `forget`. */
  seen.skews = (rate) => {
    const [first, ...others] = [...seen.frames.values()].map(({ list }) => list);
    const videos = others.flatMap((other) =>
      first.map(({ wall, content }) => [content, contentAt(other, wall, rate)]).filter(([, its]) => its !== null).map(([own, its]) => (own - its) / rate),
    );
    const page = seen.page.flatMap(({ wall, content }) => {
      const shown = [first, ...others].map((list) => contentAt(list, wall, rate)).filter((one) => one !== null);
      return shown.length ? [Math.max(...shown.map((one) => (one - content) / rate).map(Math.abs))] : [];
    });
    const codes = first.map(({ media, content }) => content - media);
    return { videos, page, codes, frames: first.length };
  };

  /** How long ago what is seen now was captured, of each frame since `forget`; `begun` is unix milliseconds. */
  seen.lags = (begun) =>
    [...seen.frames.values()].flatMap(({ list }) => list.map(({ wall, content }) => performance.timeOrigin + wall - begun - content));
})();
