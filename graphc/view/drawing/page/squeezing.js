/* Places when groups are closed. The layout library has found places for everything open; closing a group takes
   room away. Each coordinate goes through a map that never decreases and that leaves whatever stays visible as
   wide as it was. So nothing that was apart comes to overlap, straight wires stay straight, all places depend
   only on which groups are closed, and a reader finds things where they were. */

/** Room that stays, in px, where only closed groups were, and where there was nothing: wires that pass there
    remain apart. */
const GAP = 14;
const EMPTY = 40;

/**
 * The map of one coordinate.
 *
 * `spans` are {from, to, need, fixed, closed}: what is visible, from where to where, how much room it needs.
 * Where something fixed lies, distances stay; elsewhere they shrink, unless no group is closed.
 */
function squeeze(spans) {
  const marks = [...new Set(spans.flatMap((span) => [span.from, span.to]))].sort((a, b) => a - b);
  const ending = new Map(marks.map((mark) => [mark, []]));
  const index = new Map(marks.map((mark, i) => [mark, i]));
  for (const span of spans) ending.get(span.to).push(span);
  const fixed = covered(spans.filter((span) => span.fixed), index);
  const closed = covered(spans.filter((span) => span.closed), index);
  const isChanged = spans.some((span) => span.closed);
  const places = marks.slice(0, 1);
  for (let i = 1; i < marks.length; i++) {
    const distance = marks[i] - marks[i - 1];
    const most = fixed[i - 1] || !isChanged ? Infinity : closed[i - 1] ? GAP : EMPTY;
    let place = places[i - 1] + Math.min(distance, most);
    for (const span of ending.get(marks[i])) place = Math.max(place, places[index.get(span.from)] + span.need);
    places.push(place);
  }
  return (x) => interpolated(marks, places, x);
}

/** Between which neighbouring marks some of the spans lie. */
function covered(spans, index) {
  const change = new Array(index.size + 1).fill(0);
  for (const span of spans) {
    change[index.get(span.from)] += 1;
    change[index.get(span.to)] -= 1;
  }
  let depth = 0;
  return change.map((by) => (depth += by) > 0);
}

function interpolated(marks, places, x) {
  const last = marks.length - 1;
  if (last < 0) return x;
  if (x <= marks[0]) return places[0] + x - marks[0];
  if (x >= marks[last]) return places[last] + x - marks[last];
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (marks[middle] <= x) low = middle;
    else high = middle;
  }
  const share = (x - marks[low]) / (marks[high] - marks[low]);
  return places[low] + share * (places[high] - places[low]);
}

const holds = ([x, y, width, height], [px, py]) => px >= x && px <= x + width && py >= y && py <= y + height;

/** The part of a polyline behind the point at which it last leaves a rectangle. */
function leaving(points, rect) {
  const last = points.findLastIndex((point) => holds(rect, point));
  if (last < 0 || last === points.length - 1) return points;
  return [crossing(rect, points[last], points[last + 1]), ...points.slice(last + 1)];
}

/** Where the way from a point inside a rectangle to one outside first meets a border. */
function crossing([x, y, width, height], [ax, ay], [bx, by]) {
  const shares = [];
  if (bx < x) shares.push((x - ax) / (bx - ax));
  if (bx > x + width) shares.push((x + width - ax) / (bx - ax));
  if (by < y) shares.push((y - ay) / (by - ay));
  if (by > y + height) shares.push((y + height - ay) / (by - ay));
  const share = Math.min(1, ...shares);
  return [ax + share * (bx - ax), ay + share * (by - ay)];
}

/** The polyline that a path of a wire rounds off: a bend is drawn as a curve with the corner as its control point. */
function corners(path) {
  const parts = [...path.matchAll(/([MLQ])([-\d. ]+)/g)].map(([, letter, text]) => [letter, text.trim().split(" ").map(Number)]);
  const bends = parts.filter(([letter]) => letter === "Q").map(([, [x, y]]) => [x, y]);
  return [parts[0][1], ...bends, parts[parts.length - 1][1]];
}

/** A polyline with rounded bends, as the path of a wire. */
function rounded(points, radius = 7) {
  const kept = points.filter((p, i) => i === 0 || Math.hypot(p[0] - points[i - 1][0], p[1] - points[i - 1][1]) > 0.1);
  const written = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const towards = ([x, y], [ex, ey]) => {
    const length = Math.hypot(ex - x, ey - y);
    const share = Math.min(radius, length / 2) / length;
    return [x + (ex - x) * share, y + (ey - y) * share];
  };
  let path = `M${written(kept[0])}`;
  for (let i = 1; i + 1 < kept.length; i++) {
    path += `L${written(towards(kept[i], kept[i - 1]))}Q${written(kept[i])} ${written(towards(kept[i], kept[i + 1]))}`;
  }
  return path + `L${written(kept[kept.length - 1])}`;
}
