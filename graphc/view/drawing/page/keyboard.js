/* Keys, wherever the focus is. */

const PAN = 60;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Keyboard {
  constructor(page) {
    this.page = page;
    this.others = [];
    document.addEventListener("keydown", (event) => this.press(event));
  }

  press(event) {
    const isTyping = event.target.matches?.("input, textarea");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const isButton = event.target.matches("button, summary");
    if (isButton && [" ", "Enter"].includes(event.key)) return;
    const action = this.actions()[event.key] ?? (ARROWS[event.key] && (() => this.arrow(event)));
    if (!action) return;
    event.preventDefault();
    action();
  }

  actions() {
    const { page } = this;
    return {
      "/": () => page.search.input.focus(),
      "+": () => page.camera.zoom(1.25),
      "=": () => page.camera.zoom(1.25),
      "-": () => page.camera.zoom(0.8),
      "0": () => page.camera.fit(),
      n: () => page.stepper.go(1),
      p: () => page.stepper.go(-1),
      Home: () => page.stepper.jump(0),
      End: () => page.stepper.jump(page.stepper.steps.length - 1),
      " ": () => page.stepper.play(),
      Enter: () => page.enter(page.focused()),
      Escape: () => this.escape(),
    };
  }

  escape() {
    if (this.page.panel.isOpen) this.page.panel.close();
    else this.page.stepper.finish();
  }

  /** Along a wire, or to another end of the wires last followed; without a box, the drawing moves. */
  arrow(event) {
    const id = this.page.focused();
    const [dx, dy] = ARROWS[event.key];
    if (!id) return event.target.closest("aside") ? undefined : this.page.camera.pan(-dx * PAN, -dy * PAN);
    if (dx) this.others = this.page.view.neighbours(id, dx > 0);
    else if (!this.others.includes(id)) this.others = this.siblings(id);
    if (!this.others.length) return;
    const next = dx ? 0 : (this.others.indexOf(id) + dy + this.others.length) % this.others.length;
    this.page.focus(this.others[next]);
  }

  /** What ends where something ends, or else starts where it starts. */
  siblings(id) {
    const { view } = this.page;
    for (const isForward of [true, false]) {
      const [end] = view.neighbours(id, isForward);
      if (end) return view.neighbours(end, !isForward);
    }
    return [];
  }
}
