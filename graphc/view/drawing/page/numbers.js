/* Numbers and the small things that everything else needs. */

/** A number with four significant digits; texts such as "NaN" as they are. */
function shown(x) {
  if (typeof x !== "number") return String(x);
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  return String(Number(x.toPrecision(4)));
}

/** The only element of an array with no dims, or null. */
const scalar = (array) =>
  array && array.numbers && array.shape.length === 0 && typeof array.numbers[0] === "number" ? array.numbers[0] : null;

const briefly = (array) => (array ? array.brief : "not computed");

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
