/* Numbers and the small things that everything else needs. */

/** A number with four significant digits; texts such as "NaN" as they are. */
function shown(x, digits = 4) {
  if (typeof x !== "number") return String(x);
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "-∞";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  return String(Number(x.toPrecision(digits)));
}

/** Arrays as they come with the page: their numbers are a list, or bytes in base64, or not there. */
function unpacked(array) {
  if (!array.bytes) return array;
  const bytes = Uint8Array.from(atob(array.bytes), (letter) => letter.charCodeAt(0));
  const numbers = array.type === "float32" ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer);
  return { ...array, numbers: [...numbers] };
}

/** The only element of an array with no dims, or null. */
const scalar = (array) =>
  array && array.numbers && array.shape.length === 0 && Number.isFinite(array.numbers[0]) ? array.numbers[0] : null;

const briefly = (array) => (array ? array.brief : "not computed");

/** How a box is spoken of: its name, or what it does to what. */
const called = (box) => box.name || (box.line ? box.line.text : box.operation) || box.id;

/** An element with attributes and children; a text becomes text, never markup. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function svgElement(tag, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const byId = (id) => document.getElementById(id);
