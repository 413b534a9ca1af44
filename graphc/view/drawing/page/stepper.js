/* Both passes, box by box, as at the board: values forward; then backward what each box gets, the summands of
   all its uses and their sum. */

const SECOND = 1000;
const INVITATION = "Step through both passes: n, p, or Play.";

class Stepper {
  constructor(page) {
    this.page = page;
    this.timer = null;
    const press = (id, action) => byId(id).addEventListener("click", action);
    press("first", () => this.jump(0));
    press("previous", () => this.go(-1));
    press("play", () => this.play());
    press("next", () => this.go(1));
    press("last", () => this.jump(this.steps.length - 1));
    press("finish", () => this.finish());
    byId("where").addEventListener("input", (event) => this.jump(Number(event.target.value) - 1));
  }

  /** The steps of a picture: every box forward, and in reverse order those that have a cotangent. */
  begin(view) {
    this.stop();
    this.view?.svg.classList.remove("stepping");
    this.view = view;
    this.sentences = new Sentences(view);
    const boxes = view.data.boxes;
    const backward = boxes.filter((box) => box.cotangent).reverse();
    this.steps = [
      ...boxes.map((box) => ({ box, isForward: true })),
      ...backward.map((box) => ({ box, isForward: false })),
    ];
    this.at = -1;
    const rows = Math.max(1, ...boxes.flatMap((box) => [boardRows(box.value), boardRows(box.cotangent)]));
    byId("said").style.setProperty("--rows", rows);
    byId("where").max = this.steps.length;
    this.show();
  }

  get isRunning() {
    return this.at >= 0;
  }

  go(by) {
    this.jump(this.at + by);
  }

  /** Straight to a step; before the first one all numbers are seen, as at the beginning. */
  jump(at) {
    this.stop();
    this.move(at);
  }

  goTo(id, isForward) {
    this.jump(this.steps.findIndex((step) => step.box.id === id && step.isForward === isForward));
  }

  move(at) {
    this.at = Math.max(-1, Math.min(this.steps.length - 1, at));
    this.show();
  }

  /** All numbers at once, as before the first step. */
  finish() {
    this.jump(-1);
  }

  play() {
    if (this.timer !== null) return this.stop();
    if (this.at === this.steps.length - 1) this.at = -1;
    byId("play").textContent = "Pause";
    const tick = () => {
      this.move(this.at + 1);
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
    const last = this.at === this.steps.length - 1;
    byId("finish").disabled = !this.isRunning;
    for (const id of ["first", "previous"]) byId(id).disabled = !this.isRunning;
    for (const id of ["next", "last"]) byId(id).disabled = last;
    byId("where").value = this.at + 1;
    byId("where").setAttribute("aria-valuetext", `step ${this.at + 1} of ${this.steps.length}`);
    byId("progress").textContent = `${this.at + 1} / ${this.steps.length}`;
    this.say();
    this.mark();
    if (!this.isRunning) return;
    const { box } = this.steps[this.at];
    if (this.page.panel.isOpen) this.page.panel.show(box);
    this.page.seek(box.id);
  }

  say() {
    if (!this.isRunning) return byId("said").replaceChildren(INVITATION);
    const step = this.steps[this.at];
    const kind = step.isForward ? "forward" : "backward";
    const time = this.sentences.time(step.box);
    const head = element("strong", { class: kind }, `${kind}${time && `, ${time}`}: `);
    const parts = this.sentences.of(step).map((part) => (typeof part === "string" ? part : written(part)));
    byId("said").replaceChildren(element("span", {}, head, ...parts));
  }

  /** Wires have their values once their source has its own, their cotangents once their target has its own. */
  mark() {
    this.view.svg.classList.toggle("stepping", this.isRunning);
    const done = this.steps.slice(0, this.at + 1);
    const forward = new Set(done.filter((step) => step.isForward).map((step) => step.box.id));
    const backward = new Set(done.filter((step) => !step.isForward).map((step) => step.box.id));
    for (const [id, node] of this.view.nodes) {
      const inside = this.view.inside(id);
      node.classList.toggle("done", inside.every((key) => forward.has(key)));
      node.classList.toggle("reached", inside.every((key) => backward.has(key) || !this.view.boxes.get(key).cotangent));
      node.classList.remove("current");
    }
    for (const { uses, path, numbers } of this.view.current.wires) {
      for (const node of [path, numbers]) {
        node?.classList.toggle("filled", uses.every((use) => forward.has(use.source)));
        node?.classList.toggle("sent", uses.every((use) => use.cotangent && backward.has(use.target)));
      }
    }
    if (this.isRunning) this.view.nodes.get(this.view.standing(this.steps[this.at].box.id)).classList.add("current");
  }
}
