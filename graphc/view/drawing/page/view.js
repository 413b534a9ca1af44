/* One picture: which of its groups are closed, where everything is then, and what is near what. */

/** Heights, in px: of the label of a group, of a closed group, of the loop of a recurrence above it. */
const HEADER = 18;
const CLOSED = 30;
const LOOP = 16;

class View {
  constructor(data, holder) {
    this.data = data;
    this.holder = holder;
    this.svg = holder.querySelector("svg");
    for (const name of ["role", "aria-labelledby"]) this.svg.removeAttribute(name);
    this.boxes = new Map(data.boxes.map((box) => [box.id, box]));
    this.frames = new Map(data.frames.map((frame) => [frame.id, frame]));
    this.closed = new Set(data.frames.filter((frame) => !frame.open).map((frame) => frame.id));
    this.into = new Map(data.boxes.map((box) => [box.id, []]));
    this.from = new Map(data.boxes.map((box) => [box.id, []]));
    for (const wire of data.wires) {
      this.from.get(wire.source).push(wire);
      this.into.get(wire.target).push(wire);
    }
    this.findElements();
    this.arrange();
  }

  findElements() {
    this.nodes = new Map([...this.svg.querySelectorAll("g[data-id]")].map((node) => [node.dataset.id, node]));
    this.paths = this.byWire("path.wire");
    this.labels = this.byWire("g.numbers");
    this.drawn = this.paths.map((path) => path?.getAttribute("d"));
    this.size = this.svg.getAttribute("viewBox");
    this.data.wires.forEach((wire, number) => (wire.number = number));
    for (const box of this.data.boxes) {
      const node = this.nodes.get(box.id);
      for (const [key, value] of Object.entries({ tabindex: 0, role: "button", "aria-label": described(box) })) {
        node.setAttribute(key, value);
      }
    }
    for (const frame of this.data.frames) this.prepareFrame(frame, this.nodes.get(frame.id));
  }

  byWire(selector) {
    const found = new Array(this.data.wires.length).fill(null);
    for (const node of this.svg.querySelectorAll(selector)) found[Number(node.dataset.wire)] = node;
    return found;
  }

  prepareFrame(frame, node) {
    const text = node.querySelector("text");
    frame.text = text;
    frame.at = [text.getAttribute("x"), text.getAttribute("y")];
    frame.title = frame.kind === "equation" && frame.line ? frame.line.text : frame.label;
    const open = Math.min(frame.rect[2], text.getComputedTextLength() + 14);
    text.textContent = frame.title;
    const closed = Math.max(60, text.getComputedTextLength() * 1.2 + 24);
    frame.needs = { open: [open, HEADER], closed: [closed, CLOSED] };
    frame.loops = this.data.wires.filter((wire) => wire.back && this.isInside(wire, frame.id));
    node.setAttribute("tabindex", 0);
    node.setAttribute("role", "button");
  }

  isInside(wire, frame) {
    return [wire.source, wire.target].every((end) => this.around(this.boxes.get(end).frame).includes(frame));
  }

  /** A frame and those around it, from the inside. */
  around(frame) {
    const found = [];
    for (let key = frame; key && this.frames.has(key); key = this.frames.get(key).parent) found.push(key);
    return found;
  }

  /** What stands for a box or a frame now: the outermost closed frame around it, or itself. */
  standing(id) {
    const start = this.boxes.has(id) ? this.boxes.get(id).frame : this.frames.get(id).parent;
    return this.around(start).filter((key) => this.closed.has(key)).pop() ?? id;
  }

  isVisible(id) {
    return this.standing(id) === id;
  }

  // ------------------------------------------------------------------------------ open and close

  toggle(frame) {
    if (!this.closed.delete(frame)) this.closed.add(frame);
    this.arrange();
  }

  openAll(isOpen) {
    this.closed = new Set(isOpen ? [] : this.frames.keys());
    this.arrange();
  }

  /** Opens whatever hides a box. */
  reveal(id) {
    if (this.isVisible(id)) return;
    for (const key of this.around(this.boxes.get(id).frame)) this.closed.delete(key);
    this.arrange();
  }

  /** Puts everything where it belongs. */
  arrange() {
    this.measure();
    for (const box of this.data.boxes) this.putBox(box);
    for (const frame of this.data.frames) this.putFrame(frame);
    for (const wire of this.data.wires) this.putWire(wire);
    const width = this.x(this.data.width);
    const height = this.y(this.data.height);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }

  /** The maps of both coordinates, from what is visible. */
  measure() {
    const across = [];
    const down = [];
    const add = ([x, y, width, height], kind, needs = [width, height]) => {
      across.push({ from: x, to: x + width, need: needs[0], ...kind });
      down.push({ from: y, to: y + height, need: needs[1], ...kind });
    };
    for (const box of this.data.boxes) if (this.isVisible(box.id)) add(box.rect, { fixed: true });
    for (const wire of this.data.wires) if (wire.label && this.isDrawn(wire)) add(wire.label, { fixed: true });
    for (const frame of this.data.frames) {
      if (!this.isVisible(frame.id)) continue;
      const { open, closed } = frame.needs;
      const loop = frame.loops.length ? LOOP : 0;
      if (this.closed.has(frame.id)) add(frame.rect, { closed: true }, [closed[0], closed[1] + loop]);
      else add(frame.rect, {}, open);
    }
    this.x = squeeze(across);
    this.y = squeeze(down);
  }

  rect([x, y, width, height]) {
    const left = this.x(x);
    const top = this.y(y);
    return [left, top, this.x(x + width) - left, this.y(y + height) - top];
  }

  /** Where something visible is now; a closed frame has room for its loops above it. */
  place(id) {
    if (this.boxes.has(id)) return this.rect(this.boxes.get(id).rect);
    const frame = this.frames.get(id);
    const [x, y, width, height] = this.rect(frame.rect);
    const loop = this.closed.has(id) && frame.loops.length ? LOOP : 0;
    return [x, y + loop, width, height - loop];
  }

  putBox(box) {
    const [x, y] = this.rect(box.rect);
    this.move(this.nodes.get(box.id), x - box.rect[0], y - box.rect[1], this.isVisible(box.id));
  }

  move(node, dx, dy, isVisible) {
    node.classList.toggle("hidden", !isVisible);
    if (dx || dy) node.setAttribute("transform", `translate(${dx.toFixed(1)} ${dy.toFixed(1)})`);
    else node.removeAttribute("transform");
  }

  putFrame(frame) {
    const node = this.nodes.get(frame.id);
    const isClosed = this.closed.has(frame.id);
    const [x, y, width, height] = this.place(frame.id);
    node.classList.toggle("hidden", !this.isVisible(frame.id));
    node.classList.toggle("closed", isClosed);
    node.setAttribute("aria-expanded", String(!isClosed));
    node.setAttribute("aria-label", `group ${frame.title}, ${isClosed ? "closed" : "open"}`);
    const rect = node.querySelector("rect");
    for (const [key, value] of Object.entries({ x, y, width, height })) rect.setAttribute(key, value.toFixed(1));
    frame.text.textContent = isClosed ? frame.title : frame.label;
    frame.text.setAttribute("x", isClosed ? x + width / 2 : Number(frame.at[0]) + x - frame.rect[0]);
    frame.text.setAttribute("y", isClosed ? y + height / 2 + 4 : Number(frame.at[1]) + y - frame.rect[1]);
    this.putLoops(frame, node, isClosed && this.isVisible(frame.id), [x, y, width]);
  }

  /** The recurrences of a closed frame: one arrow out of it and back, with the lags. */
  putLoops(frame, node, isWanted, [x, y, width]) {
    node.querySelectorAll(".loop").forEach((old) => old.remove());
    if (!isWanted || !frame.loops.length) return;
    const right = x + width - 14;
    const path = `M${right} ${y}v-7q0 -5 -5 -5h-20q-5 0 -5 5v7`;
    const lags = [...new Set(frame.loops.map((wire) => wire.said))].join("; ");
    node.append(
      svgElement("path", { class: "wire back loop", d: path, "marker-end": "url(#arrow)" }),
      svgElement("text", { class: "loop", x: right - 36, y: y - 4 }, lags),
    );
  }

  // -------------------------------------------------------------------------------------- wires

  /** Whether a wire is to be seen: not if both of its ends are within one closed frame. */
  isDrawn(wire) {
    const source = this.standing(wire.source);
    return source !== this.standing(wire.target) || source === wire.source;
  }

  putWire(wire) {
    const isDrawn = this.isDrawn(wire);
    const label = this.labels[wire.number];
    if (label && wire.label) {
      const [x, y] = this.rect(wire.label);
      this.move(label, x - wire.label[0], y - wire.label[1], isDrawn);
    }
    const path = this.paths[wire.number];
    if (!path) return;
    path.classList.toggle("hidden", !isDrawn);
    if (isDrawn) path.setAttribute("d", this.closed.size ? this.route(wire) : this.drawn[wire.number]);
  }

  /** The library's way from border to border. */
  route(wire) {
    const source = this.standing(wire.source);
    const target = this.standing(wire.target);
    let points = wire.points;
    if (source !== wire.source) points = leaving(points, this.frames.get(source).rect);
    if (target !== wire.target) points = leaving([...points].reverse(), this.frames.get(target).rect).reverse();
    points = points.map(([x, y]) => [this.x(x), this.y(y)]);
    return rounded(this.joined(this.joined(points, source).reverse(), target).reverse());
  }

  /** A wire goes on to a closed frame whose upper border is lower because of its loop. */
  joined(points, id) {
    if (this.boxes.has(id)) return points;
    const [x, y, width] = this.place(id);
    const [px, py] = points[0];
    return py < y && px >= x && px <= x + width ? [[px, y], ...points] : points;
  }

  // --------------------------------------------------------------------------------- neighbours

  /** The visible boxes and frames at the other ends of something's wires, each once. */
  neighbours(id, isForward) {
    const [side, end] = isForward ? [this.from, "target"] : [this.into, "source"];
    const inside = this.boxes.has(id)
      ? [id]
      : this.data.boxes.filter((box) => this.around(box.frame).includes(id)).map((box) => box.id);
    const found = inside.flatMap((key) => side.get(key)).map((wire) => this.standing(wire[end]));
    return [...new Set(found)].filter((key) => key !== id);
  }
}

/** What a screen reader says of a box. */
function described(box) {
  const what = [box.name || "operation", box.operation && `is ${box.operation}`].filter(Boolean).join(" ");
  const parts = [what, box.role, `shape ${box.shape}`, `value ${briefly(box.value)}`];
  return [...parts, `cotangent ${briefly(box.cotangent)}`].join(", ");
}
