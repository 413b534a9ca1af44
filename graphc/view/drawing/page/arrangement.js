/* One way in which a picture is laid out, as an SVG. What is closed in it is a box there; more of its groups can
   be closed, which takes room away. */

/** Heights, in px: of the label of a group, of a closed group, of the loop of a recurrence above it. */
const HEADER = 18;
const CLOSED = 30;
const LOOP = 16;
/** More wires than these between the same two are drawn as one. */
const PARALLEL = 3;

class Arrangement {
  constructor(view, data, svg) {
    this.view = view;
    this.data = data;
    this.svg = svg;
    this.closed = new Set(data.closed);
    for (const name of ["role", "aria-labelledby"]) svg.removeAttribute(name);
    this.nodes = new Map([...svg.querySelectorAll("g[data-id]")].map((node) => [node.dataset.id, node]));
    this.wires = data.wires.map((wire, number) => this.wire(wire, number));
    this.frames = view.data.frames.filter((frame) => frame.id in data.frames).map((frame) => this.frame(frame));
    for (const id of Object.keys(data.boxes)) this.prepareBox(id, this.nodes.get(id));
  }

  /** A wire with its elements; its ends are boxes or closed groups of this arrangement. */
  wire({ parts, label }, number) {
    const uses = parts.map((part) => this.view.data.wires[part]);
    const [source, target] = [uses[0].source, uses[0].target].map((id) => this.view.standing(id, this.closed));
    const path = this.svg.querySelector(`path.wire[data-wire="${number}"]`);
    const numbers = this.svg.querySelector(`g.numbers[data-wire="${number}"]`);
    const drawn = path.getAttribute("d");
    return { uses, source, target, points: corners(drawn), label, path, numbers, drawn };
  }

  frame(frame) {
    const node = this.nodes.get(frame.id);
    const text = node.querySelector("text");
    text.textContent = `▾ ${text.textContent}`;
    const open = Math.min(this.data.frames[frame.id][2], text.getComputedTextLength() + 14);
    const label = text.textContent;
    text.textContent = this.view.title(frame);
    const closed = Math.max(60, text.getComputedTextLength() * 1.2 + 30);
    text.textContent = label;
    const loops = this.wires.filter((wire) => wire.uses[0].back && this.isInside(wire, frame.id));
    node.setAttribute("tabindex", 0);
    node.setAttribute("role", "button");
    const at = [text.getAttribute("x"), text.getAttribute("y")].map(Number);
    const needs = { open: [open, HEADER], closed: [closed, CLOSED] };
    return { id: frame.id, kind: frame.kind, node, text, label, loops, at, needs, rect: this.data.frames[frame.id] };
  }

  isInside(wire, frame) {
    return wire.uses.every(({ source, target }) =>
      [source, target].every((end) => this.view.around(this.view.boxes.get(end).frame).includes(frame)),
    );
  }

  prepareBox(id, node) {
    node.setAttribute("tabindex", 0);
    node.setAttribute("role", "button");
    // What the pointer shows of the source is in the details for everyone.
    node.querySelector("title")?.setAttribute("aria-hidden", "true");
    const box = this.view.boxes.get(id);
    if (box) return node.setAttribute("aria-label", described(box, seen(node)));
    this.describeGroup(node, id, true);
    node.classList.add("group");
    const [x, y] = this.data.boxes[id];
    const sign = svgElement("g", { class: "sign", "aria-hidden": true });
    sign.append(svgElement("circle", { cx: x, cy: y, r: 6 }), svgElement("path", { d: `M${x - 3} ${y}h6m-3 -3v6` }));
    node.append(sign);
  }

  describeGroup(node, id, isClosed) {
    node.setAttribute("aria-expanded", String(!isClosed));
    const state = isClosed ? "closed" : "open";
    node.setAttribute("aria-label", `${seen(node)}, group ${this.view.title(this.view.frames.get(id))}, ${state}`);
  }

  // --------------------------------------------------------------------------------- what is where

  /** Puts everything where it belongs when so much is closed. */
  arrange() {
    this.chooseWires();
    this.measure();
    for (const [id, rect] of Object.entries(this.data.boxes)) this.putBox(id, rect);
    for (const frame of this.frames) this.putFrame(frame);
    for (const wire of this.wires) this.putWire(wire);
    const [width, height] = [this.x(this.data.width), this.y(this.data.height)];
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }

  /** Whether a frame is closed that is open in this arrangement. */
  isSqueezed(id) {
    return id in this.data.frames && this.view.closed.has(id);
  }

  /**
   * Of wires that would run beside each other to or from a closed group one is drawn: `stands` counts them. They
   * carry the same value, or are more than a few.
   */
  chooseWires() {
    const between = new Map();
    for (const wire of this.wires) {
      wire.ends = [wire.source, wire.target].map((id) => this.view.standing(id));
      wire.stands = this.isDrawn(wire) ? 1 : 0;
      const isMoved = wire.ends.some((id) => this.isSqueezed(id));
      if (!wire.stands || !isMoved) continue;
      const key = JSON.stringify([...wire.ends, wire.uses[0].back]);
      between.set(key, [...(between.get(key) ?? []), wire]);
    }
    for (const wires of between.values()) this.merge(wires);
  }

  merge(wires) {
    const same = new Map();
    for (const wire of wires) {
      const key = wires.length > PARALLEL ? "" : wire.uses[0].source + wire.uses[0].said;
      same.set(key, [...(same.get(key) ?? []), wire]);
    }
    for (const [first, ...others] of same.values()) {
      first.stands = 1 + others.length;
      for (const other of others) other.stands = 0;
    }
  }

  /** Not if both ends are within one closed frame. */
  isDrawn({ source, ends }) {
    return ends[0] !== ends[1] || ends[0] === source;
  }

  /** The maps of both coordinates, from what is visible. */
  measure() {
    const across = [];
    const down = [];
    const add = ([x, y, width, height], kind, needs = [width, height]) => {
      across.push({ from: x, to: x + width, need: needs[0], ...kind });
      down.push({ from: y, to: y + height, need: needs[1], ...kind });
    };
    for (const [id, rect] of Object.entries(this.data.boxes)) if (this.view.isVisible(id)) add(rect, { fixed: true });
    for (const wire of this.wires) if (wire.label && wire.stands) add(wire.label, { fixed: true });
    for (const frame of this.frames) {
      if (!this.view.isVisible(frame.id)) continue;
      const [width, height] = frame.needs.closed;
      const loop = frame.loops.length ? LOOP : 0;
      if (this.isSqueezed(frame.id)) add(frame.rect, { closed: true }, [width, height + loop]);
      else add(frame.rect, {}, frame.needs.open);
    }
    this.x = squeeze(across);
    this.y = squeeze(down);
  }

  rect([x, y, width, height]) {
    const left = this.x(x);
    const top = this.y(y);
    return [left, top, this.x(x + width) - left, this.y(y + height) - top];
  }

  /** Where something visible is now. */
  place(id) {
    if (id in this.data.boxes) return this.rect(this.data.boxes[id]);
    const frame = this.frames.find((found) => found.id === id);
    const rect = this.rect(frame.rect);
    return this.isSqueezed(id) ? this.closedPlace(frame, rect) : rect;
  }

  /** A closed frame has room for its loops above it, and is no larger than it must be where no wires end. */
  closedPlace({ id, rect, loops, needs }, [x, y, width, height]) {
    const loop = loops.length ? LOOP : 0;
    const ends = this.wires.filter((wire) => wire.stands && wire.ends.includes(id)).map((wire) => this.crossing(wire, id));
    const isBeside = ([px]) => px <= rect[0] + 0.5 || px >= rect[0] + rect[2] - 0.5;
    const high = ends.some(isBeside) ? height - loop : Math.min(height - loop, CLOSED);
    const wide = ends.every(isBeside) ? Math.min(width, needs.closed[0]) : width;
    return [x + (width - wide) / 2, y + loop + (height - loop - high) / 2, wide, high];
  }

  /** Where a wire meets the border of a frame of this arrangement. */
  crossing({ source, ends, points }, id) {
    const outwards = ends[0] === id && source !== id ? points : [...points].reverse();
    return leaving(outwards, this.data.frames[id])[0];
  }

  // --------------------------------------------------------------------------- boxes and frames

  putBox(id, rect) {
    const [x, y] = this.rect(rect);
    this.move(this.nodes.get(id), x - rect[0], y - rect[1], this.view.isVisible(id));
  }

  move(node, dx, dy, isVisible) {
    node.classList.toggle("hidden", !isVisible);
    if (dx || dy) node.setAttribute("transform", `translate(${dx.toFixed(1)} ${dy.toFixed(1)})`);
    else node.removeAttribute("transform");
  }

  putFrame(frame) {
    const { id, node, text, at, rect } = frame;
    const isClosed = this.isSqueezed(id);
    const [x, y, width, height] = this.place(id);
    node.classList.toggle("hidden", !this.view.isVisible(id));
    node.classList.toggle("closed", isClosed);
    for (const [key, value] of Object.entries({ x, y, width, height })) {
      node.querySelector("rect").setAttribute(key, value.toFixed(1));
    }
    text.textContent = isClosed ? `▸ ${this.view.title(this.view.frames.get(id))}` : frame.label;
    this.describeGroup(node, id, isClosed);
    text.setAttribute("x", isClosed ? x + width / 2 : at[0] + x - rect[0]);
    text.setAttribute("y", isClosed ? y + height / 2 + 4 : at[1] + y - rect[1]);
    this.putLoops(frame, isClosed && this.view.isVisible(id), [x, y, width]);
  }

  /** The recurrences of a closed frame: one arrow out of it and back, with the lags. */
  putLoops({ node, loops }, isWanted, [x, y, width]) {
    node.querySelectorAll(".loop").forEach((old) => old.remove());
    if (!isWanted || !loops.length) return;
    const right = x + width - 14;
    const path = `M${right} ${y}v-7q0 -5 -5 -5h-20q-5 0 -5 5v7`;
    const lags = [...new Set(loops.map((wire) => wire.uses[0].said))].join("; ");
    node.append(
      svgElement("path", { class: "wire back loop", d: path, "marker-end": "url(#arrow)" }),
      svgElement("text", { class: "loop", x: right - 36, y: y - 4 }, lags),
    );
  }

  // -------------------------------------------------------------------------------------- wires

  putWire(wire) {
    const isDrawn = wire.stands > 0;
    if (wire.numbers && wire.label) {
      const [x, y] = this.rect(wire.label);
      this.move(wire.numbers, x - wire.label[0], y - wire.label[1], isDrawn);
      this.count(wire);
    }
    wire.path.classList.toggle("hidden", !isDrawn);
    if (isDrawn) wire.path.setAttribute("d", this.view.isChanged ? this.route(wire) : wire.drawn);
  }

  /** A wire that stands for others has their number where it had numbers of its own. */
  count(wire) {
    const text = wire.numbers.querySelector("text");
    wire.text ??= text.textContent;
    text.textContent = wire.stands > 1 ? `${wire.stands} wires` : wire.text;
    wire.numbers.classList.toggle("counted", wire.stands > 1);
  }

  /** The library's way from border to border. */
  route({ source, target, ends, points }) {
    if (source !== ends[0]) points = leaving(points, this.data.frames[ends[0]]);
    if (target !== ends[1]) points = leaving([...points].reverse(), this.data.frames[ends[1]]).reverse();
    points = points.map(([x, y]) => [this.x(x), this.y(y)]);
    return rounded(this.joined(this.joined(points, ends[0]).reverse(), ends[1]).reverse());
  }

  /** A wire goes on to a closed frame that is smaller than its place. */
  joined(points, id) {
    if (id in this.data.boxes) return points;
    const [x, y, width, height] = this.place(id);
    const [px, py] = points[0];
    const end = [Math.min(Math.max(px, x), x + width), Math.min(Math.max(py, y), y + height)];
    return end[0] === px || end[1] === py ? [end, ...points] : points;
  }
}

/** What can be read in an element, a `:12` as it is said. */
function seen(node) {
  const texts = [...node.querySelectorAll("text")].map((text) => text.textContent.replace(/^[▾▸] /, ""));
  return texts.join(" ").replace(/\s+:(\d+)/g, ", line $1");
}

/** What a screen reader says of a box: what stands in it, and what stands at its wires. */
function described(box, text) {
  const parts = [text, box.role, `shape ${box.shape}`, `value ${briefly(box.value)}`];
  return [...parts, `cotangent ${briefly(box.cotangent)}`].join(", ");
}
