/* What is known of one box. */

/** Tables of more columns are shown by colour alone. */
const COLUMNS = 12;
const ROWS = 40;

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
    this.page.focus(this.box?.id);
  }

  show(box) {
    this.box = box;
    const close = element("button", { class: "close", "aria-label": "Close details" }, "×");
    close.addEventListener("click", () => this.close());
    this.panel.replaceChildren(
      close,
      element("h2", {}, box.name || box.operation || "="),
      this.facts(box),
      ...this.notes(box),
      ...this.array("Value", box.value, box),
      ...this.array("Cotangent", box.cotangent, box),
      ...this.summands(box),
      ...this.shares(box),
    );
    this.panel.hidden = false;
    this.panel.scrollTop = 0;
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

  notes(box) {
    return box.notes.map((note) => element("p", {}, note));
  }

  array(title, array, box) {
    if (!array) return [element("h3", {}, title), element("p", {}, "not computed")];
    const head = element("h3", {}, `${title} `, element("small", {}, array.shape.join(" × ")));
    if (array.shape.length === 0) return [head, element("p", { class: "number" }, array.brief)];
    const shownWhole = array.numbers
      ? grid(array, `${title} of ${called(box)}`, box)
      : element("p", {}, "Too large to be shown: its statistics.");
    return [head, shownWhole, statistics(array.statistics)];
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

/** How a box is spoken of: its name, or what it does to what. */
function called(box) {
  return box.name || (box.line ? box.line.text : box.operation) || box.id;
}

/** Summands by where they come from, and the whole cotangent below them. */
function sum(rows, cotangent) {
  const table = element("table", { class: "summands" });
  for (const [name, number] of [...rows, ["sum", cotangent.brief]]) {
    table.append(element("tr", {}, element("th", {}, name), element("td", {}, number)));
  }
  return table;
}

function statistics(found) {
  const list = element("dl", { class: "statistics" });
  for (const [name, value] of Object.entries(found)) list.append(element("dt", {}, name), element("dd", {}, shown(value)));
  return list;
}

/** An array as a table: the last dim goes across, all others down; the indices are heads of rows and columns. */
function grid(array, title, box) {
  const { shape, numbers } = array;
  const columns = shape[shape.length - 1] || 1;
  const all = Math.ceil(numbers.length / columns);
  const rows = Math.min(ROWS, all);
  const largest = Math.max(0, ...numbers.filter((x) => typeof x === "number").map(Math.abs));
  const isWide = columns > COLUMNS;
  const table = element("table", { class: isWide ? "heat wide" : "heat", "aria-label": title });
  if (!isWide && columns > 1) table.append(heads(columns, shape.length - 1, box));
  for (let row = 0; row < rows; row++) {
    const cells = element("tr", {}, element("th", {}, place(row, shape, box)));
    for (let column = 0; column < columns; column++) {
      cells.append(cell(numbers[row * columns + column], largest, isWide));
    }
    table.append(cells);
  }
  const more = all > rows ? [element("p", {}, `and ${all - rows} more rows`)] : [];
  return element("div", { class: "scroll", tabindex: 0 }, table, ...more);
}

function heads(columns, dim, box) {
  const row = element("tr", {}, element("th"));
  for (let column = 0; column < columns; column++) row.append(element("th", {}, said(column, dim, box)));
  return row;
}

/** The indices of a row: of all dims but the last. */
function place(row, shape, box) {
  const found = [];
  for (let dim = shape.length - 2; dim >= 0; dim--) {
    found.unshift(said(row % shape[dim], dim, box));
    row = Math.floor(row / shape[dim]);
  }
  return found.join(", ");
}

/** An index as the spec counts: examples first, axes from 1, elements from 0. */
function said(index, dim, box) {
  if (box.batch && dim === 0) return `example ${index + 1}`;
  const axis = box.indices[dim - (box.batch ? 1 : 0)];
  return axis ? `${axis} = ${index + 1}` : String(index);
}

/** One element: the stronger the colour, the larger; blue above zero, red below. */
function cell(x, largest, isWide) {
  const made = element("td", { title: shown(x) }, isWide ? "" : shown(x));
  if (typeof x !== "number") made.className = "odd";
  else if (largest) {
    made.className = x < 0 ? "below" : "above";
    made.style.setProperty("--strength", `${Math.round((60 * Math.abs(x)) / largest)}%`);
  }
  return made;
}
