/* One picture: which of its groups are closed, in which arrangement it is seen then, and what is near what. */

class View {
  constructor(data, holder) {
    this.data = data;
    this.holder = holder;
    this.boxes = new Map(data.boxes.map((box) => [box.id, box]));
    this.frames = new Map(data.frames.map((frame) => [frame.id, frame]));
    this.closed = new Set(data.frames.filter((frame) => !frame.open).map((frame) => frame.id));
    this.into = new Map(data.boxes.map((box) => [box.id, []]));
    this.from = new Map(data.boxes.map((box) => [box.id, []]));
    for (const wire of data.wires) {
      this.from.get(wire.source).push(wire);
      this.into.get(wire.target).push(wire);
    }
    const inert = [...holder.querySelectorAll("template")].map((template) => template.content.firstElementChild);
    this.figures = [holder.querySelector("svg"), ...inert];
    this.arrangements = new Array(this.figures.length).fill(null);
    this.arrange();
  }

  get svg() {
    return this.current.svg;
  }

  get nodes() {
    return this.current.nodes;
  }

  title(frame) {
    return frame.title;
  }

  /** A frame and those around it, from the inside. */
  around(frame) {
    const found = [];
    for (let key = frame; key && this.frames.has(key); key = this.frames.get(key).parent) found.push(key);
    return found;
  }

  /** What stands for a box or a frame: the outermost closed frame around it, or itself. */
  standing(id, closed = this.closed) {
    const start = this.boxes.has(id) ? this.boxes.get(id).frame : this.frames.get(id).parent;
    return this.around(start).filter((key) => closed.has(key)).pop() ?? id;
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

  /** Takes the arrangement that is nearest to what is closed, and closes in it what is not. */
  arrange() {
    const found = this.nearest();
    if (this.figures[found] !== this.current?.svg) this.take(found);
    const { frames } = this.current;
    this.isChanged = frames.some(({ id }) => this.closed.has(id) && this.isVisible(id));
    this.current.arrange();
  }

  /** Of the arrangements in which enough is open, the one in which least more is. */
  nearest() {
    const { arrangements } = this.data;
    const serves = ({ closed }) => closed.every((key) => this.around(key).some((frame) => this.closed.has(frame)));
    const shown = (number) => Object.keys(arrangements[number].boxes).filter((id) => this.isVisible(id)).length;
    const more = (number) => Object.keys(arrangements[number].boxes).length - shown(number);
    const numbers = arrangements.map((_, number) => number).filter((number) => serves(arrangements[number]));
    return numbers.reduce((best, number) => (more(number) < more(best) ? number : best));
  }

  take(number) {
    const svg = this.figures[number];
    if (this.current) this.svg.replaceWith(svg);
    this.current = this.arrangements[number] ??= new Arrangement(this, this.data.arrangements[number], svg);
  }

  place(id) {
    return this.current.place(id);
  }

  /** The boxes within a frame, or the box itself. */
  inside(id) {
    if (this.boxes.has(id)) return [id];
    this.held ??= new Map();
    if (!this.held.has(id)) {
      const held = this.data.boxes.filter((box) => this.around(box.frame).includes(id));
      this.held.set(id, held.map((box) => box.id));
    }
    return this.held.get(id);
  }

  // --------------------------------------------------------------------------------- neighbours

  /** The visible boxes and frames at the other ends of something's wires, each once. */
  neighbours(id, isForward) {
    const [side, end] = isForward ? [this.from, "target"] : [this.into, "source"];
    const wires = this.inside(id).flatMap((key) => side.get(key));
    const found = wires.map((wire) => this.standing(wire[end]));
    return [...new Set(found)].filter((key) => key !== id);
  }
}
