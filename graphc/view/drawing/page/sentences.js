/* What is said at a step, as at the board: the equation with numbers put in. A sentence is a list of texts and of
   arrays. */

/** So many summands are written out. */
const SUMMANDS = 6;

class Sentences {
  constructor(view) {
    this.view = view;
  }

  of({ box, isForward }) {
    return isForward ? this.forward(box) : this.backward(box);
  }

  /** The step of time that a box belongs to, if there is one: `t = 2`. */
  time(box) {
    const key = this.view.around(box.frame).find((id) => this.view.frames.get(id).kind === "step");
    return key ? this.view.frames.get(key).label : "";
  }

  // ------------------------------------------------------------------------------------- forward

  forward(box) {
    const wires = this.view.into.get(box.id);
    const own = this.equation(box);
    if (!box.value) return [`${own}: not computed`];
    if (!wires.length) return [`${called(box)} = `, box.value];
    return [`${own} = `, ...this.computed(box, wires), " = ", box.value];
  }

  /** The equation with the operands' numbers in their places, or else the operands one by one. */
  computed(box, wires) {
    if (!box.operation && wires.length === 1) return [called(this.view.boxes.get(wires[0].source))];
    const text = box.line?.text ?? "";
    const axes = (wire) => this.view.boxes.get(wire.source).axes.length;
    const found = [...wires].sort((a, b) => axes(b) - axes(a)).map((wire) => ({ wire, places: places(text, this.view.boxes.get(wire.source)) }));
    const isKnown = box.operation && !found.some(({ places }) => !places.length);
    const all = found.flatMap(({ wire, places }) => places.map((place) => ({ ...place, wire })));
    const chosen = isKnown && !readsTwice(wires) ? apart(all) : [];
    const isPlaced = (wire) => chosen.some((place) => place.wire.source === wire.source || this.isBoundary(wire, place.wire));
    if (!wires.every(isPlaced)) return this.applied(box, wires);
    const parts = [];
    let at = 0;
    for (const { from, to, wire } of chosen) {
      const operand = this.operand(wire);
      const [before, after] = needsBrackets(operand, text.slice(0, from), text.slice(to)) ? ["(", ")"] : ["", ""];
      parts.push(text.slice(at, from) + before, operand, after);
      at = to;
    }
    return [...parts, text.slice(at)];
  }

  /** An operation that is not written in the spec as it is here: its own text with the operands in it. */
  applied(box, wires) {
    const operands = wires.map((wire) => this.operand(wire));
    const holes = box.operation.split("·");
    if (holes.length === operands.length + 1) return joined(operands, holes);
    if (operands.length === 2 && ["+", "*"].includes(box.operation)) return joined(operands, ["", ` ${box.operation} `, ""]);
    return joined(operands, [`${box.operation || "·"} of `, ...operands.slice(1).map(() => ", "), ""]);
  }

  /** Whether a wire brings what another one reads before the first step: `h[0]` beside `h[t]`, for `h[t-1]`. */
  isBoundary(wire, other) {
    const [boundary, whole] = [wire, other].map(({ source }) => this.view.boxes.get(source));
    return boundary.axes.length < whole.axes.length && boundary.name.split("[")[0] === whole.name.split("[")[0];
  }

  operand(wire) {
    return this.view.boxes.get(wire.source).value;
  }

  // ------------------------------------------------------------------------------------ backward

  backward(box) {
    const all = this.view.from.get(box.id).filter((wire) => wire.cotangent || this.view.boxes.get(wire.target).cotangent);
    const wires = all.filter((wire) => wire.cotangent);
    const own = [`${called(box)} gets `];
    if (!wires.length && !all.length) return [...own, box.cotangent, ", its derivative by itself"];
    if (!wires.length) return [...own, box.cotangent, " from all its uses together"];
    if (wires.length === 1) return [...own, ...this.summand(wires[0]), ` from ${this.user(wires[0])}${this.rule(wires[0])}`];
    const written = wires.slice(0, SUMMANDS);
    const summands = written.flatMap((wire, number) => [number ? " + " : "", wire.cotangent]);
    const more = all.length - written.length;
    const rest = more ? ` + what comes through ${more} more` : "";
    const users = written.map((wire) => this.user(wire)).join(", ") + (more ? ", …" : "");
    return [...own, `the sum of ${all.length}: `, ...summands, `${rest} = `, box.cotangent, `, from ${users}`];
  }

  equation(box) {
    return box.name && box.operation ? `${box.name} = ${box.line?.text ?? box.operation}` : called(box);
  }

  /** For numbers, the local derivative times what the user got. */
  summand(wire) {
    const [got, above] = [scalar(wire.cotangent), scalar(this.view.boxes.get(wire.target).cotangent)];
    if (got === null || !above) return [wire.cotangent];
    return [`${shown(got / above)} · ${shown(above)} = `, wire.cotangent];
  }

  user(wire) {
    return this.equation(this.view.boxes.get(wire.target));
  }

  /** The formula of what comes back through a wire: its user has one for each operand that gets something. */
  rule(wire) {
    const user = this.view.boxes.get(wire.target);
    const given = this.view.into.get(user.id).filter((other) => other.cotangent);
    const lines = user.derivative;
    return lines.length && lines.length === given.length ? `: ${lines[given.indexOf(wire)]}` : "";
  }
}

/** Texts and operands by turns, a text first. */
const joined = (operands, texts) => [texts[0], ...operands.flatMap((operand, number) => [operand, texts[number + 1]])];

/** Whether a negative number stands behind a sign or before a power. */
const needsBrackets = (array, before, after) => scalar(array) < 0 && (/[-+*/^@]\s*$/.test(before) || /^\s*\^/.test(after));

/** Whether one value is read at several positions, which its name cannot tell apart. */
const readsTwice = (wires) =>
  wires.some((wire) => wires.some((other) => other.source === wire.source && other.said !== wire.said));

/** Where an operand stands in the text of an equation: `w` of `w[0]`, `h[t-1]` of h[t], another operation whole. */
function places(text, box) {
  if (box.operation && box.line && text !== box.line.text) {
    const found = everywhere(text, escaped(box.line.text));
    if (found.length) return found;
  }
  const [base, hasAxes] = [box.name.split("[")[0].split(".").pop(), box.name.includes("[")];
  if (!base) return [];
  return everywhere(text, `(?<![\\p{L}\\p{N}_.])${escaped(base)}(?![\\p{L}\\p{N}_(])${hasAxes ? "\\[[^\\]]*\\]" : ""}`);
}

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

function everywhere(text, pattern) {
  return [...text.matchAll(new RegExp(pattern, "gu"))].map((found) => ({
    from: found.index,
    to: found.index + found[0].length,
  }));
}

/** Without what lies within something longer, in the order of the text. */
function apart(all) {
  const kept = [];
  for (const place of [...all].sort((a, b) => b.to - b.from - (a.to - a.from))) {
    if (kept.every((other) => place.to <= other.from || place.from >= other.to)) kept.push(place);
  }
  return kept.sort((a, b) => a.from - b.from);
}
