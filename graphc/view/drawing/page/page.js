/* The page: its views, and what belongs to all of them. */

class Page {
  constructor(data) {
    this.canvas = byId("canvas");
    const holders = [...document.querySelectorAll(".view")];
    this.views = data.map((view, number) => new View(view, holders[number]));
    this.camera = new Camera(this.canvas);
    this.panel = new Panel(this);
    this.search = new Search(this);
    this.stepper = new Stepper(this);
    new Keyboard(this);
    this.makeTabs();
    this.listen();
    this.choose(0);
  }

  // --------------------------------------------------------------------------------------- views

  makeTabs() {
    const tabs = byId("tabs");
    tabs.hidden = this.views.length < 2;
    this.tabs = this.views.map((view, number) => {
      const tab = element("button", { role: "tab", id: `tab-${number}` }, view.data.name);
      tab.addEventListener("click", () => this.choose(number));
      tabs.append(tab);
      return tab;
    });
  }

  choose(number) {
    this.view = this.views[number];
    this.views.forEach((view) => view.holder.classList.toggle("chosen", view === this.view));
    this.tabs.forEach((tab, at) => tab.setAttribute("aria-selected", String(at === number)));
    this.panel.panel.hidden = true;
    byId("notes").replaceChildren(...this.view.data.notes.map((note) => element("li", {}, note)));
    const hasFrames = this.view.frames.size > 0;
    for (const id of ["open-all", "close-all"]) byId(id).disabled = !hasFrames;
    this.camera.show(this.view);
    this.search.find();
    this.stepper.begin(this.view);
  }

  // -------------------------------------------------------------------------------------- events

  listen() {
    const press = (id, action) => byId(id).addEventListener("click", action);
    press("open-all", () => this.openAll(true));
    press("close-all", () => this.openAll(false));
    press("zoom-in", () => this.camera.zoom(1.25));
    press("zoom-out", () => this.camera.zoom(0.8));
    press("fit", () => this.camera.fit());
    const found = (event) => event.target.closest?.("g[data-id]")?.dataset.id;
    this.canvas.addEventListener("click", (event) => {
      if (!this.camera.wasDragged && !this.isInsideOpen(event)) this.enter(found(event));
    });
    for (const event of ["mouseover", "focusin"]) {
      this.canvas.addEventListener(event, (happened) => this.highlight(found(happened)));
    }
    for (const event of ["mouseleave", "focusout"]) this.canvas.addEventListener(event, () => this.highlight(null));
    this.canvas.addEventListener("focusin", (event) => {
      if (found(event) && event.target.matches(":focus-visible")) this.seek(found(event));
    });
  }

  /** A click into an open frame, but not on its label, is one on the ground. */
  isInsideOpen(event) {
    const frame = event.target.closest("g.frame:not(.closed)");
    return frame !== null && !event.target.matches("text");
  }

  openAll(isOpen) {
    this.view.openAll(isOpen);
    this.camera.fit();
    this.stepper.mark();
  }

  // ------------------------------------------------------------------------ one box, or one frame

  focused() {
    return document.activeElement?.closest?.("g[data-id]")?.dataset.id ?? null;
  }

  focus(id) {
    const target = id === undefined ? this.canvas : this.view.nodes.get(this.view.standing(id));
    target.focus();
    if (id !== undefined) this.seek(id);
  }

  seek(id) {
    this.camera.seek(this.view.place(this.view.standing(id)));
  }

  /** Opens a box's details, opens or closes a frame. */
  enter(id) {
    if (this.view.boxes.has(id)) this.open(id);
    else if (this.view.frames.has(id)) {
      this.view.toggle(id);
      this.stepper.mark();
      this.seek(id);
    }
  }

  open(id) {
    this.reveal(id);
    this.panel.show(this.view.boxes.get(id));
    this.seek(id);
  }

  reveal(id) {
    this.view.reveal(id);
    this.stepper.mark();
    this.seek(id);
  }

  /** Shows the wires of something, and what they come from and lead to. */
  highlight(id) {
    const { svg, nodes, data, paths } = this.view;
    svg.querySelectorAll(".near, .into, .from").forEach((node) => node.classList.remove("near", "into", "from"));
    if (!id || (this.view.frames.has(id) && !this.view.closed.has(id))) return;
    nodes.get(id).classList.add("near");
    for (const wire of data.wires) {
      const source = this.view.standing(wire.source);
      const target = this.view.standing(wire.target);
      if (source !== id && target !== id) continue;
      paths[wire.number]?.classList.add(source === id ? "from" : "into");
      nodes.get(source).classList.add("near");
      nodes.get(target).classList.add("near");
    }
  }
}

/* Colours. All dark rules stand under one condition, which is set to what the reader wants; print is light. */

const THEMES = { Auto: "screen and (prefers-color-scheme: dark)", Dark: "screen", Light: "not all" };

function makeTheme() {
  const button = byId("theme");
  const rules = [...document.styleSheets]
    .flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule instanceof CSSMediaRule && rule.conditionText.includes("prefers-color-scheme: dark"));
  const set = (name) => {
    button.textContent = name;
    for (const rule of rules) rule.media.mediaText = THEMES[name];
    document.documentElement.style.colorScheme = { Auto: "light dark", Dark: "dark", Light: "light" }[name];
  };
  button.addEventListener("click", () => {
    const names = Object.keys(THEMES);
    set(names[(names.indexOf(button.textContent) + 1) % names.length]);
  });
  set("Auto");
}

document.documentElement.classList.add("scripted");
makeTheme();
new Page(JSON.parse(byId("data").textContent));
