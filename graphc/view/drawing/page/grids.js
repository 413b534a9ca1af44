/* Arrays as tables: every number can be read; a bar in each cell and its colour say how large it is. */

/** So many rows at first; a button shows the others. */
const ROWS = 40;
/** Matrices of so many rows and columns are written out at the board. */
const BOARD = 6;

/** An array as a table: the last dim goes across, all others down; the indices are heads of rows and columns. */
function grid(array, title, box) {
  const { shape, numbers } = array;
  const columns = shape[shape.length - 1] || 1;
  const all = Math.ceil(numbers.length / columns);
  const table = element("table", { class: "heat", "aria-label": title });
  if (columns > 1) table.append(heads(columns, shape.length - 1, box));
  const largest = numbers.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
  const body = element("tbody");
  const add = (from, to) => {
    for (let row = from; row < to; row++) {
      const part = numbers.slice(row * columns, (row + 1) * columns);
      const index = place(row, shape, box);
      const head = index ? element("th", { scope: "row" }, index) : element("td");
      body.append(element("tr", {}, head, ...part.map((x) => cell(x, largest))));
    }
  };
  add(0, Math.min(ROWS, all));
  table.append(body);
  const made = element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": title }, table);
  return all > ROWS ? [made, more(all, () => add(ROWS, all))] : [made];
}

/** Says that a table is cut, and shows the rest. */
function more(all, add) {
  const button = element("button", {}, `Show all ${all} rows`);
  const said = element("p", { class: "cut" }, `Rows 1 to ${ROWS} of ${all}. `, button);
  button.addEventListener("click", () => {
    add();
    said.remove();
  });
  return said;
}

function heads(columns, dim, box) {
  const row = element("tr", {}, element("td"));
  for (let column = 0; column < columns; column++) row.append(element("th", { scope: "col" }, said(column, dim, box)));
  return element("thead", {}, row);
}

/** The indices of a row: of all dims but the last. */
function place(row, shape, box) {
  const found = [];
  for (let dim = shape.length - 2; dim >= 0; dim--) {
    found.unshift(said(row % shape[dim], dim, box));
    row = Math.floor(row / shape[dim]);
  }
  return found.join(", ");
}

/** An index as the spec counts: examples first, axes from 1, elements from 0. */
function said(index, dim, box) {
  if (box.batch && dim === 0) return `example ${index + 1}`;
  const axis = box.indices[dim - (box.batch ? 1 : 0)];
  return axis ? `${axis} = ${index + 1}` : String(index);
}

/** One element: a bar as long as it is large, blue above zero, red below; its title has more digits. */
function cell(x, largest) {
  const made = element("td", { title: shown(x, 7) }, shown(x));
  if (!Number.isFinite(x)) made.className = "odd";
  else if (largest && x) {
    made.className = x < 0 ? "below" : "above";
    made.style.setProperty("--share", `${Math.max(2, Math.round((100 * Math.abs(x)) / largest))}%`);
  }
  return made;
}

function statistics(found) {
  const list = element("dl", { class: "statistics" });
  for (const [name, value] of Object.entries(found)) list.append(element("dt", {}, name), element("dd", {}, shown(value)));
  return list;
}

// ---------------------------------------------------------------------------------- at the board

/** An array as it is written on a board: a number, a row, a small matrix in brackets, else its shape and norm. */
function written(array) {
  if (!array) return element("span", {}, "not computed");
  const rows = boardRows(array);
  if (!rows) return element("span", { class: "number" }, array.brief);
  if (!array.shape.length) return element("span", { class: "number" }, shown(array.numbers[0]));
  const columns = array.shape[array.shape.length - 1];
  const table = element("span", { class: "matrix", role: "img", "aria-label": array.brief });
  table.style.setProperty("--columns", columns);
  table.append(...array.numbers.map((x) => element("span", {}, shown(x))));
  return table;
}

/** How many rows an array takes at the board, 0 if it is too large for it. */
function boardRows(array) {
  if (!array?.numbers || array.shape.length > 2 || array.shape.some((size) => size > BOARD || size === 0)) return 0;
  return array.shape.length === 2 ? array.shape[0] : 1;
}
