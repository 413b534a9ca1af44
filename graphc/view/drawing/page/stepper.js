/* Both passes, box by box, as at the board: values forward; then backward what each box gets, the summands of
   all its uses and their sum. */

const SECOND = 1000;

class Stepper {
  constructor(page) {
    this.page = page;
    this.timer = null;
    byId("next").addEventListener("click", () => this.go(1));
    byId("previous").addEventListener("click", () => this.go(-1));
    byId("play").addEventListener("click", () => this.play());
    byId("finish").addEventListener("click", () => this.finish());
  }

  /** The steps of a picture: every box forward, and in reverse order those that have a cotangent. */
  begin(view) {
    this.stop();
    this.view?.svg.classList.remove("stepping");
    this.view = view;
    const boxes = view.data.boxes;
    const backward = boxes.filter((box) => box.cotangent).reverse();
    this.steps = [
      ...boxes.map((box) => ({ box, isForward: true })),
      ...backward.map((box) => ({ box, isForward: false })),
    ];
    this.at = -1;
    this.show();
  }

  get isRunning() {
    return this.at >= 0;
  }

  go(by) {
    this.stop();
    this.advance(by);
  }

  advance(by) {
    this.at = Math.max(-1, Math.min(this.steps.length - 1, this.at + by));
    this.show();
  }

  /** All numbers at once, as before the first step. */
  finish() {
    this.stop();
    this.at = -1;
    this.show();
  }

  play() {
    if (this.timer !== null) return this.stop();
    if (this.at === this.steps.length - 1) this.at = -1;
    byId("play").textContent = "Pause";
    const tick = () => {
      this.advance(1);
      if (this.at === this.steps.length - 1) return this.stop();
      this.timer = setTimeout(tick, SECOND / 2 ** Number(byId("speed").value));
    };
    tick();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    byId("play").textContent = "Play";
  }

  // --------------------------------------------------------------------------------- what is shown

  show() {
    const { svg } = this.view;
    svg.classList.toggle("stepping", this.isRunning);
    byId("finish").hidden = !this.isRunning;
    byId("previous").disabled = !this.isRunning;
    byId("next").disabled = this.at === this.steps.length - 1;
    byId("progress").textContent = this.isRunning ? `${this.at + 1} / ${this.steps.length}` : "";
    byId("said").textContent = this.isRunning
      ? this.said(this.steps[this.at])
      : "Step through both passes: n, p, or Play.";
    this.mark();
    if (this.isRunning) this.page.seek(this.steps[this.at].box.id);
  }

  /** Wires have their values once their source has its own, their cotangents once their target has its own. */
  mark() {
    const done = this.steps.slice(0, this.at + 1);
    const forward = new Set(done.filter((step) => step.isForward).map((step) => step.box.id));
    const backward = new Set(done.filter((step) => !step.isForward).map((step) => step.box.id));
    for (const [id, node] of this.view.nodes) {
      node.classList.toggle("done", forward.has(id));
      node.classList.toggle("reached", backward.has(id));
      node.classList.remove("current");
    }
    for (const wire of this.view.data.wires) {
      for (const node of [this.view.paths[wire.number], this.view.labels[wire.number]]) {
        node?.classList.toggle("filled", forward.has(wire.source));
        node?.classList.toggle("sent", Boolean(wire.cotangent) && backward.has(wire.target));
      }
    }
    if (this.isRunning) this.view.nodes.get(this.view.standing(this.steps[this.at].box.id)).classList.add("current");
  }

  // ------------------------------------------------------------------------------- what is said

  said({ box, isForward }) {
    return isForward ? `forward: ${this.forward(box)}` : `backward: ${this.backward(box)}`;
  }

  forward(box) {
    const wires = this.view.into.get(box.id);
    const own = box.name && box.operation ? `${box.name} = ${box.line?.text ?? box.operation}` : called(box);
    if (!wires.length) return `${called(box)} is ${briefly(box.value)}`;
    const operands = wires.map((wire) => {
      const source = this.view.boxes.get(wire.source);
      return `${called(source)}${wire.said ? ` at ${wire.said}` : ""} = ${briefly(source.value)}`;
    });
    return `${own} is ${briefly(box.value)}, from ${operands.join(" and ")}`;
  }

  backward(box) {
    const gives = box.derivative.length ? `; it gives back ${box.derivative.join(", ")}` : "";
    return this.got(box) + gives;
  }

  got(box) {
    const wires = this.view.from.get(box.id).filter((wire) => wire.cotangent);
    const got = briefly(box.cotangent);
    if (!wires.length) return this.withoutUses(box, got);
    if (wires.length === 1) return `${called(box)} gets ${got}${this.factors(wires[0])} from ${this.user(wires[0])}`;
    const summands = wires.map((wire) => `${wire.cotangent.brief} (from ${this.user(wire)})`);
    const missing = this.view.from.get(box.id).length - wires.length;
    const rest = missing ? ` + what comes through ${missing} more` : "";
    return `${called(box)} gets ${got} = ${summands.join(" + ")}${rest}`;
  }

  withoutUses(box, got) {
    if (!this.view.from.get(box.id).length) return `${called(box)} starts with ${got}, its derivative by itself`;
    return `${called(box)} gets ${got} from all its uses together`;
  }

  user(wire) {
    const target = this.view.boxes.get(wire.target);
    return target.name && target.operation ? `${target.name} = ${target.line?.text ?? target.operation}` : called(target);
  }

  /** For numbers, the local derivative times what the user got. */
  factors(wire) {
    const user = this.view.boxes.get(wire.target);
    const [got, above] = [scalar(wire.cotangent), scalar(user.cotangent)];
    if (got === null || !above) return "";
    return ` = ${shown(got / above)} · ${shown(above)} (local derivative times what ${called(user)} got)`;
  }
}
