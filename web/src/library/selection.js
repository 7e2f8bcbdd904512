// Which of the sessions that are shown are selected: one by one, from one to another, or all of them.

export class Selection {
  /** @type {Set<string>} */ #chosen = new Set();
  /** The one that was touched last, from which a range goes. */
  #anchor = "";

  get size() {
    return this.#chosen.size;
  }

  /** @param {string} id */
  has(id) {
    return this.#chosen.has(id);
  }

  /**
   * Select one, or take it out again. With `range` those from the last one to this become as this one does.
   *
   * @param {string} id
   * @param {boolean} on
   * @param {string[]} shown in the order of the list
   * @param {boolean} [range]
   */
  set(id, on, shown, range = false) {
    const [from, to] = [shown.indexOf(this.#anchor), shown.indexOf(id)];
    const some = range && from >= 0 && to >= 0 ? shown.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    for (const one of some) {
      if (on) this.#chosen.add(one);
      else this.#chosen.delete(one);
    }
    this.#anchor = id;
  }

  /** @param {string[]} shown @param {boolean} on */
  setAll(shown, on) {
    this.#chosen = new Set(on ? shown : []);
    this.#anchor = "";
  }

  /** Nothing stays selected that is not seen. @param {string[]} shown */
  keep(shown) {
    this.#chosen = new Set(shown.filter((id) => this.#chosen.has(id)));
    if (!shown.includes(this.#anchor)) this.#anchor = "";
  }

  /** "all", "some" or "none" of those shown. @param {string[]} shown */
  of(shown) {
    const count = shown.filter((id) => this.#chosen.has(id)).length;
    return count === 0 ? "none" : count === shown.length ? "all" : "some";
  }
}
