/* Finds boxes by name, operation or shape. */

class Search {
  constructor(page) {
    this.page = page;
    this.input = byId("search");
    this.hits = [];
    this.at = -1;
    this.input.addEventListener("input", () => this.find());
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.go(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") this.clear();
    });
  }

  find() {
    const wanted = this.input.value.trim().toLowerCase();
    const text = (box) => [box.name, box.operation, box.shape, box.role].join(" ").toLowerCase();
    const boxes = this.page.view.data.boxes;
    this.hits = wanted ? boxes.filter((box) => text(box).includes(wanted)).map((box) => box.id) : [];
    this.at = -1;
    this.mark();
  }

  /** To the next hit, or to the one before; what hides it is opened. */
  go(by) {
    if (!this.hits.length) return;
    this.at = (this.at + by + this.hits.length + (this.at < 0 && by < 0 ? 1 : 0)) % this.hits.length;
    this.page.reveal(this.hits[this.at]);
    this.mark();
  }

  clear() {
    this.input.value = "";
    this.find();
    this.page.canvas.focus();
  }

  /** A hit that is hidden shows at its group. */
  mark() {
    const { view } = this.page;
    for (const node of view.nodes.values()) node.classList.remove("hit", "here");
    for (const id of this.hits) view.nodes.get(view.standing(id)).classList.add("hit");
    if (this.at >= 0) view.nodes.get(view.standing(this.hits[this.at])).classList.add("here");
    const place = this.at >= 0 ? `${this.at + 1} of ` : "";
    const isSought = this.input.value.trim() !== "";
    byId("hits").textContent = isSought ? `${place}${this.hits.length}` : "";
  }
}
