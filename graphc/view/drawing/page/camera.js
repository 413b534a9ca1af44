/* What part of the drawing is in sight. The drawing is moved by a style, which the rules for print take back. */

const LEAST = 0.05;
const MOST = 8;

class Camera {
  constructor(canvas) {
    this.canvas = canvas;
    this.fingers = new Map();
    this.wasDragged = false;
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      window.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    }
  }

  show(view) {
    this.view = view;
    view.camera ??= this.fitting();
    this.apply();
  }

  /** All in sight, but no larger than drawn. */
  fitting() {
    const [width, height] = this.extent();
    const { clientWidth, clientHeight } = this.canvas;
    const scale = Math.max(LEAST, Math.min(1, clientWidth / width, clientHeight / height));
    return { scale, x: (clientWidth - width * scale) / 2, y: (clientHeight - height * scale) / 2 };
  }

  extent() {
    return ["width", "height"].map((side) => Number(this.view.svg.getAttribute(side)));
  }

  fit() {
    this.view.camera = this.fitting();
    this.apply();
  }

  apply(isGliding = false) {
    const { x, y, scale } = this.view.camera;
    this.view.svg.classList.toggle("gliding", isGliding);
    this.view.svg.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }

  pan(dx, dy) {
    this.view.camera.x += dx;
    this.view.camera.y += dy;
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

  /** Brings a place of the drawing into sight, large enough to read, and leaves it alone if it is. */
  seek([x, y, width, height]) {
    if (this.view.camera.scale < 0.6) this.zoom(0.9 / this.view.camera.scale);
    const { clientWidth, clientHeight } = this.canvas;
    const camera = this.view.camera;
    const left = x * camera.scale + camera.x;
    const top = y * camera.scale + camera.y;
    const [wide, high] = [width * camera.scale, height * camera.scale];
    const margin = 30;
    if (left < margin || left + wide > clientWidth - margin) camera.x += clientWidth / 2 - left - wide / 2;
    if (top < margin || top + high > clientHeight - margin) camera.y += clientHeight / 2 - top - high / 2;
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
