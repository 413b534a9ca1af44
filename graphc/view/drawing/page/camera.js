/* What part of the drawing is in sight. The drawing is moved by a style, which the rules for print take back. */

const LEAST = 0.05;
const MOST = 8;
const AT_FIRST = 1.6;
/** What is sought is shown at least so large that it can be read. */
const READABLE = 0.75;

/** Room around the drawing and what is sought in it, in px. */
const AROUND = 12;

/** How far something must move to be in sight: to the middle, or with its beginning into sight if it is too large. */
function towards(from, size, room) {
  const isTooLarge = size > room - 2 * AROUND;
  if (from >= 0 && from + size <= room) return 0;
  if (isTooLarge) return from >= 0 && from < room / 2 ? 0 : AROUND - from;
  return room / 2 - from - size / 2;
}

class Camera {
  constructor(canvas) {
    this.canvas = canvas;
    this.fingers = new Map();
    this.wasDragged = false;
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    new ResizeObserver(() => this.refit()).observe(canvas);
    for (const end of ["pointerup", "pointercancel"]) {
      window.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    }
  }

  show(view) {
    this.view = view;
    view.camera ??= this.fitting();
    this.apply();
  }

  /** All in sight; a small drawing is larger than drawn. */
  fitting() {
    const [width, height] = this.extent();
    const { clientWidth, clientHeight } = this.canvas;
    const most = Math.min((clientWidth - AROUND) / width, (clientHeight - AROUND) / height);
    const scale = Math.max(LEAST, Math.min(AT_FIRST, most));
    return { scale, x: (clientWidth - width * scale) / 2, y: (clientHeight - height * scale) / 2, isFitted: true };
  }

  extent() {
    return ["width", "height"].map((side) => Number(this.view.svg.getAttribute(side)));
  }

  fit() {
    this.view.camera = this.fitting();
    this.apply();
  }

  /** When its room changes, a drawing that was all in sight stays so. */
  refit() {
    if (this.view?.camera.isFitted) this.fit();
  }

  apply(isGliding = false) {
    const { x, y, scale } = this.view.camera;
    this.view.svg.classList.toggle("gliding", isGliding);
    this.view.svg.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }

  /** The left upper corner of a place of the drawing, in px of the canvas. */
  onScreen([left, top]) {
    const { x, y, scale } = this.view.camera;
    return [left * scale + x, top * scale + y];
  }

  /** Moves the drawing so that a place of it stands where it stood. */
  hold(place, [left, top]) {
    const [x, y] = this.onScreen(place);
    this.pan(left - x, top - y);
  }

  pan(dx, dy) {
    const { x, y, scale } = this.view.camera;
    this.view.camera = { x: x + dx, y: y + dy, scale };
    this.apply();
  }

  /** `at` stays where it is, in px of the canvas; by default its middle. */
  zoom(factor, at = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]) {
    const { x, y, scale } = this.view.camera;
    const next = Math.min(MOST, Math.max(LEAST, scale * factor));
    this.view.camera = {
      scale: next,
      x: at[0] - ((at[0] - x) * next) / scale,
      y: at[1] - ((at[1] - y) * next) / scale,
    };
    this.apply();
  }

  /** Brings a place of the drawing into sight, if need be large enough to read, and leaves it alone if it is. */
  seek([x, y, width, height], isToBeRead) {
    if (isToBeRead && this.view.camera.scale < READABLE) this.zoom(1 / this.view.camera.scale);
    const { clientWidth, clientHeight } = this.canvas;
    const camera = this.view.camera;
    const left = x * camera.scale + camera.x;
    const top = y * camera.scale + camera.y;
    const [wide, high] = [width * camera.scale, height * camera.scale];
    const [dx, dy] = [towards(left, wide, clientWidth), towards(top, high, clientHeight)];
    if (dx || dy) this.view.camera = { x: camera.x + dx, y: camera.y + dy, scale: camera.scale };
    this.apply(true);
  }

  // ------------------------------------------------------------------------- mouse and fingers

  local(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * 0.0015), this.local(event));
  }

  press(event) {
    if (!this.fingers.size) this.wasDragged = false;
    this.fingers.set(event.pointerId, this.local(event));
  }

  /** One finger moves, two pinch. */
  drag(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = this.local(event);
    const moved = [now[0] - before[0], now[1] - before[1]];
    if (!this.wasDragged && Math.hypot(...moved) < 4) return;
    this.wasDragged = true;
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const apart = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
      this.zoom(apart(now) / apart(before), other);
    } else this.pan(...moved);
    this.fingers.set(event.pointerId, now);
  }
}
