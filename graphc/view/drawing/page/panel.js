/* What is known of one box. */

class Panel {
  constructor(page) {
    this.page = page;
    this.panel = byId("panel");
  }

  get isOpen() {
    return !this.panel.hidden;
  }

  close() {
    this.panel.hidden = true;
    this.mark();
    this.page.focus(this.box?.id);
  }

  show(box) {
    this.box = box;
    this.panel.replaceChildren(
      this.buttons(),
      element("h2", {}, box.name || box.operation || "="),
      this.facts(box),
      ...this.notes(box),
      ...this.array("Value", box.value, box),
      ...this.array("Cotangent", box.cotangent, box),
      ...this.summands(box),
      ...this.shares(box),
      this.jumps(box),
    );
    this.panel.hidden = false;
    this.panel.scrollTop = 0;
    this.mark();
  }

  /** Shows in the drawing whose details are open. */
  mark() {
    const { view } = this.page;
    for (const node of view.nodes.values()) node.classList.remove("detailed");
    if (this.isOpen) view.nodes.get(view.standing(this.box.id)).classList.add("detailed");
  }

  buttons() {
    const wider = element("button", { "aria-label": "Wider details" }, "⇔");
    const close = element("button", { "aria-label": "Close details", "aria-keyshortcuts": "Escape" }, "×");
    wider.setAttribute("aria-pressed", String(this.panel.classList.contains("wide")));
    wider.addEventListener("click", () => {
      wider.setAttribute("aria-pressed", String(this.panel.classList.toggle("wide")));
      this.page.camera.refit();
      this.page.seek(this.box.id, false);
    });
    close.addEventListener("click", () => this.close());
    return element("div", { class: "corner" }, wider, close);
  }

  facts(box) {
    const { view } = this.page;
    const rows = [
      ["Operation", box.operation || box.role],
      ["Shape", box.shape],
      ["Along", box.axes.join(", ")],
      ["Of", box.batch ? "a batch: the first index is the example" : ""],
      ["Equation", box.equation],
      ["Gives back", box.derivative.map((line) => element("span", { class: "formula" }, line))],
      ["Line", box.line ? `${box.line.file}:${box.line.number}` : ""],
      ["Reads", this.links(view.into.get(box.id), "source")],
      ["Read by", this.links(view.from.get(box.id), "target")],
    ].filter(([, text]) => text && text.length);
    const list = element("dl");
    for (const [name, text] of rows) list.append(element("dt", {}, name), element("dd", {}, ...[text].flat()));
    return list;
  }

  /** Buttons that lead to the boxes at the other ends of wires. */
  links(wires, end) {
    return wires.map((wire) => {
      const other = this.page.view.boxes.get(wire[end]);
      const link = element("button", { class: "link" }, called(other) + (wire.said ? ` at ${wire.said}` : ""));
      link.addEventListener("click", () => this.page.open(other.id));
      return link;
    });
  }

  /** Buttons that go to the steps of this box. */
  jumps(box) {
    const { stepper } = this.page;
    const jump = (text, isForward) => {
      const button = element("button", { class: "link" }, text);
      button.addEventListener("click", () => stepper.goTo(box.id, isForward));
      return button;
    };
    const buttons = [jump("its forward step", true), ...(box.cotangent ? [jump("its backward step", false)] : [])];
    return element("p", {}, "Go to ", ...buttons);
  }

  notes(box) {
    return box.notes.map((note) => element("p", {}, note));
  }

  array(title, array, box) {
    if (!array) return [element("h3", {}, title), element("p", {}, "not computed")];
    const head = element("h3", {}, `${title} `, element("small", {}, array.shape.join(" × ")));
    if (array.shape.length === 0) return [head, element("p", { class: "number" }, array.brief)];
    const elements = array.statistics.elements.toLocaleString("en");
    const whole = array.numbers
      ? grid(array, `${title} of ${called(box)}`, box)
      : [element("p", { class: "cut" }, `Too large to be shown: statistics of its ${elements} numbers.`)];
    return [head, ...whole, statistics(array.statistics)];
  }

  /** What came back through each use, and that it adds up. */
  summands(box) {
    const wires = this.page.view.from.get(box.id).filter((wire) => wire.cotangent);
    if (wires.length < 2 || !box.cotangent) return [];
    const through = (wire) => `through ${called(this.page.view.boxes.get(wire.target))}`;
    const rows = wires.map((wire) => [through(wire), wire.cotangent.brief]);
    return [element("h3", {}, "Summands of the cotangent"), sum(rows, box.cotangent)];
  }

  /** What each step adds to the cotangent of what all steps share; a step's own copy has that step's alone. */
  shares(box) {
    if (box.copies || !box.cotangent) return [];
    return Object.entries(box.shares).flatMap(([length, steps]) => [
      element("h3", {}, `Summands by step, 1..${length}`),
      sum(steps, box.cotangent),
    ]);
  }
}

/** Summands by where they come from, and the whole cotangent below them. */
function sum(rows, cotangent) {
  const table = element("table", { class: "summands" });
  for (const [name, number] of [...rows, ["sum", cotangent.brief]]) {
    table.append(element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, number)));
  }
  return table;
}
