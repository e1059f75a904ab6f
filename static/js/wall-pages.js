// The wall's pages: which tiles stand on the one that is shown, and in how many columns. main/wall_choice.py reckons the
// same, so that a page that has just been loaded stands still.

const MOST_COLUMNS = 6;

export class Pages {
  #list; #pager; #place; #told;

  /** `told()` is called when other tiles have come into view. */
  constructor(list, told) {
    this.#list = list;
    this.#told = told;
    this.#pager = document.querySelector("[data-pager]");
    this.#place = document.querySelector("[data-place]");
    this.layout = list.dataset.layout;
    this.number = Number(list.dataset.at);
  }

  /** Every tile in its order, and those of them that are shown. */
  get all() { return [...this.#list.children].filter((one) => one.matches("[data-camera]")); }
  get shown() { return this.all.filter((one) => !one.hidden); }
  get held() { return this.layout === "auto" ? Math.max(this.all.length, 1) : Number(this.layout); }
  get count() { return Math.max(1, Math.ceil(this.all.length / this.held)); }
  get words() { return `Page ${this.number} of ${this.count}`; }

  pageOf(tile) { return Math.floor(this.all.indexOf(tile) / this.held) + 1; }

  /** Turn to a page; behind the last comes the first. */
  turn(number) {
    this.number = (number - 1 + this.count) % this.count + 1;
    this.lay();
    const url = new URL(location.href);
    if (this.number === 1) url.searchParams.delete("page");
    else url.searchParams.set("page", this.number);
    history.replaceState(history.state, "", url);
    this.#told();
  }

  /** Another layout; the page that holds `tile` is shown. */
  choose(layout, tile) {
    this.layout = layout;
    this.turn(tile ? this.pageOf(tile) : 1);
  }

  /** Show the tiles of this page as they are ordered now. */
  lay() {
    const { all, held, number } = this;
    const first = (number - 1) * held;
    all.forEach((one, place) => {
      const hidden = place < first || place >= first + held;
      if (one.hidden !== hidden) one.hidden = hidden;
    });
    const shown = Math.min(held, all.length - first);
    const columns = Math.min(Math.ceil(Math.sqrt(shown)), MOST_COLUMNS);
    const gaps = (columns - shown % columns) % columns;
    for (const name of [...this.#list.classList]) if (/^tiles-/.test(name)) this.#list.classList.remove(name);
    this.#list.classList.add(`tiles-c${columns}`, `tiles-g${gaps}`);
    this.#list.classList.toggle("tiles-odd", shown % 2 === 1);
    this.#list.dataset.at = number;
    this.#list.dataset.layout = this.layout;
    this.#layPager();
  }

  #layPager() {
    this.#pager.hidden = this.count === 1;
    this.#place.textContent = this.words;
    for (const link of this.#pager.querySelectorAll("[data-turn]")) {
      const number = (this.number - 1 + Number(link.dataset.turn) + this.count) % this.count + 1;
      link.setAttribute("href", `?page=${number}`);
    }
  }

  /** The tile next to `tile` in the direction of an arrow key, on this page; null at its edge. */
  neighbour(tile, key) {
    const shown = this.shown;
    if (key === "ArrowLeft" || key === "ArrowRight") {
      return shown[shown.indexOf(tile) + (key === "ArrowRight" ? 1 : -1)] ?? null;
    }
    const down = key === "ArrowDown";
    const here = middle(tile);
    const rows = shown.map((one) => ({ one, at: middle(one) }))
      .filter(({ at }) => (down ? at.y > here.y + 2 : at.y < here.y - 2))
      .map(({ one, at }) => ({ one, far: [Math.round(Math.abs(at.y - here.y)), Math.abs(at.x - here.x)] }));
    rows.sort((a, b) => a.far[0] - b.far[0] || a.far[1] - b.far[1]);
    return rows[0]?.one ?? null;
  }
}

function middle(element) {
  const box = element.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
}
