/* The page: its views, and what belongs to all of them. */

class Page {
  constructor(data) {
    this.canvas = byId("canvas");
    const holders = [...document.querySelectorAll(".view")];
    this.views = data.map((view, number) => new View(view, holders[number]));
    this.links = new Links(this);
    this.camera = new Camera(this.canvas);
    this.panel = new Panel(this);
    this.search = new Search(this);
    this.stepper = new Stepper(this);
    new Keyboard(this);
    this.makeTabs();
    this.listen();
    this.choose(0);
    this.links.follow();
  }

  // --------------------------------------------------------------------------------------- views

  makeTabs() {
    const tabs = byId("tabs");
    tabs.hidden = this.views.length < 2;
    this.tabs = this.views.map((view, number) => {
      const tab = element("button", { role: "tab", id: `tab-${number}`, "aria-controls": "canvas" }, view.data.name);
      tab.addEventListener("click", () => this.choose(number));
      tab.addEventListener("keydown", (event) => this.nextTab(event, number));
      tabs.append(tab);
      return tab;
    });
  }

  /** Arrows go from tab to tab; only the chosen one is reached by Tab. */
  nextTab(event, number) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.stopPropagation();
    event.preventDefault();
    const next = (number + by + this.tabs.length) % this.tabs.length;
    this.choose(next);
    this.tabs[next].focus();
  }

  choose(number) {
    this.view = this.views[number];
    this.views.forEach((view) => view.holder.classList.toggle("chosen", view === this.view));
    this.tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === number));
      tab.tabIndex = at === number ? 0 : -1;
    });
    this.panel.panel.hidden = true;
    this.panel.mark();
    byId("notes").replaceChildren(...this.view.data.notes.map((note) => element("li", {}, note)));
    const hasFrames = this.view.frames.size > 0;
    for (const id of ["open-all", "close-all"]) byId(id).disabled = !hasFrames;
    this.camera.show(this.view);
    this.turn();
    this.search.find();
    this.stepper.begin(this.view);
  }

  /** Which way paper is turned for what is shown. */
  turn() {
    const [width, height] = this.camera.extent();
    for (const [kind, isIt] of [["wide", width > height], ["tall", width <= height]]) {
      this.view.holder.classList.toggle(kind, isIt);
    }
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
    this.mark();
  }

  /** What is marked, after another arrangement has come. */
  mark() {
    this.camera.apply();
    this.turn();
    this.stepper.mark();
    this.search.mark();
    this.panel.mark();
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

  seek(id, isToBeRead = true) {
    this.camera.seek(this.view.place(this.view.standing(id)), isToBeRead);
  }

  /** Opens a box's details, opens or closes a frame. */
  enter(id) {
    if (this.view.boxes.has(id)) this.open(id);
    else if (this.view.frames.has(id)) this.toggle(id);
  }

  /** A group that opens or closes stays where the reader looks, and keeps the focus. */
  toggle(id) {
    const hadFocus = this.focused() === id;
    const before = this.camera.onScreen(this.view.place(id));
    this.view.toggle(id);
    this.camera.hold(this.view.place(id), before);
    this.mark();
    if (hadFocus) this.view.nodes.get(id).focus({ focusVisible: true });
    this.seek(id, false);
  }

  open(id) {
    const wasVisible = this.view.isVisible(id);
    this.uncover(id);
    this.panel.show(this.view.boxes.get(id));
    this.links.name(id);
    this.camera.refit();
    this.seek(id, !wasVisible);
  }

  /** Opens whatever hides a box. */
  uncover(id) {
    if (this.view.isVisible(id)) return;
    this.view.reveal(id);
    this.mark();
  }

  reveal(id) {
    this.uncover(id);
    this.seek(id);
  }

  /** Shows the wires of something, and what they come from and lead to. */
  highlight(id) {
    const { svg, nodes } = this.view;
    svg.querySelectorAll(".near, .into, .from").forEach((node) => node.classList.remove("near", "into", "from"));
    if (!id || (this.view.frames.has(id) && !this.view.closed.has(id))) return;
    nodes.get(id).classList.add("near");
    for (const { ends, path } of this.view.current.wires) {
      const [source, target] = ends;
      if (source !== id && target !== id) continue;
      path.classList.add(source === id ? "from" : "into");
      nodes.get(source).classList.add("near");
      nodes.get(target).classList.add("near");
    }
  }
}

/* The address names the box that is looked at, so that it can be sent to someone. */

class Links {
  constructor(page) {
    this.page = page;
    window.addEventListener("hashchange", () => this.follow());
  }

  /** The page of a notebook's cell has no address of its own. */
  name(id) {
    if (location.protocol === "about:") return;
    const parts = [this.page.view.data.name, id].filter(Boolean);
    history.replaceState(null, "", `#${parts.map(encodeURIComponent).join("/")}`);
  }

  follow() {
    const parts = location.hash.slice(1).split("/").map(decoded);
    const id = parts.pop();
    const number = this.page.views.findIndex((view) => view.boxes.has(id) && (!parts.length || view.data.name === parts[0]));
    if (number < 0) return;
    if (this.page.view !== this.page.views[number]) this.page.choose(number);
    this.page.open(id);
  }
}

/** A part of an address; one that is no encoding names nothing. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/* Equal arrays are in the page once: boxes and wires have the number of theirs. */

function resolved({ arrays, views }) {
  const all = arrays.map(unpacked);
  for (const one of views.flatMap((view) => [...view.boxes, ...view.wires])) {
    for (const name of ["value", "cotangent"]) one[name] = all[one[name]] ?? null;
  }
  return views;
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
new Page(resolved(JSON.parse(byId("data").textContent)));
