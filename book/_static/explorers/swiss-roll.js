/* A point A on a rolled-up sheet: drag it on the unrolled sheet or on the roll, and see
   which points are its nearest in space, and how long the way to B is, straight, along the
   sheet, and on the graph that connects each point with its m nearest. */

LatentSpaces.explorer("swiss-roll", (panel, contents, kit) => {
  "use strict";
  const { element } = kit;
  const t = kit.array(contents.t), h = kit.array(contents.h), off = kit.array(contents.off);
  const [few, most] = contents.neighbours, colours = contents.colours, n = t.length;
  const [GOOD, WRONG] = [colours[2], colours[4]];
  const FIRST = 1.5 * Math.PI, LAST = 4.5 * Math.PI, DEEP = 21;

  // --- the sheet ---------------------------------------------------------------------

  const arc = (t) => (t * Math.sqrt(1 + t * t) + Math.asinh(t)) / 2;
  const place = (t, h) => [t * Math.cos(t), h, t * Math.sin(t)];
  const [near, far] = [arc(FIRST), arc(LAST)];

  /** The t whose arc length is s, by Newton's method. */
  function angle(s) {
    let found = Math.sqrt(2 * s);
    for (let i = 0; i < 5; i++) found -= (arc(found) - s) / Math.sqrt(1 + found * found);
    return Math.min(LAST, Math.max(FIRST, found));
  }

  const along = (t, h, u, v) => Math.hypot(arc(t) - arc(u), h - v);
  const astray = (t, u) => Math.abs(t - u) > Math.PI; // more than half a turn away
  const s = Float64Array.from(t, arc);

  // --- points with noise, and their neighbours -----------------------------------------

  const points = new Float64Array(3 * n);
  // Edge i · most + rank leads from point i to the one that is `rank`-th nearest to it.
  const next = new Uint16Array(n * most), long = new Float64Array(n * most);
  const incoming = new Int32Array(n * most), first = new Int32Array(n + 1);
  const reach = new Float64Array(n).fill(20); // square of where a row's nearest end
  const keys = new Float64Array(n);

  const apart = (i, x, y, z) =>
    Math.sqrt((points[3 * i] - x) ** 2 + (points[3 * i + 1] - y) ** 2 + (points[3 * i + 2] - z) ** 2);

  /** Puts the points nearest to a place in order; answers with keys, of which key % 1024
      is the index. What is beyond the limit is left out, if `count` are within it. */
  function nearest(x, y, z, count, except, limit) {
    for (; ; limit *= 2) {
      let found = 0;
      for (let i = 0, k = 0; i < n; i++, k += 3) {
        const a = points[k] - x, b = points[k + 1] - y, c = points[k + 2] - z;
        const d = a * a + b * b + c * c;
        // Distance and index in one number, which sorts fast.
        if (d < limit && i !== except) keys[found++] = Math.round(d * 1073741824) * 1024 + i;
      }
      if (found >= count) return keys.subarray(0, found).sort();
    }
  }

  function scatter(noise) {
    for (let i = 0; i < n; i++)
      place(t[i], h[i]).forEach((value, k) => { points[3 * i + k] = value + noise * off[3 * i + k]; });
    first.fill(0);
    for (let i = 0; i < n; i++) {
      const x = points[3 * i], y = points[3 * i + 1], z = points[3 * i + 2];
      const row = nearest(x, y, z, most, i, reach[i]);
      for (let rank = 0, edge = i * most; rank < most; rank++, edge++) {
        const j = row[rank] % 1024;
        next[edge] = j;
        long[edge] = apart(j, x, y, z);
        first[j + 1]++;
      }
      reach[i] = 1.2 * long[i * most + most - 1] ** 2;
    }
    for (let i = 0; i < n; i++) first[i + 1] += first[i];
    const free = first.slice();
    for (let edge = 0; edge < n * most; edge++) incoming[free[next[edge]]++] = edge;
  }

  /** Dijkstra's algorithm from B, the point 0: the way from each point, and its next step. */
  function ways(m) {
    const way = new Float64Array(n).fill(Infinity), toward = new Int32Array(n).fill(-1);
    const open = new Uint8Array(n).fill(1);
    way[0] = 0;
    for (;;) {
      let at = -1, least = Infinity;
      for (let i = 0; i < n; i++) if (open[i] && way[i] < least) { at = i; least = way[i]; }
      if (at < 0) return { way, toward };
      open[at] = 0;
      for (let edge = at * most; edge < at * most + m; edge++) {
        const j = next[edge], found = least + long[edge];
        if (found < way[j]) { way[j] = found; toward[j] = at; }
      }
      for (let k = first[at]; k < first[at + 1]; k++) {
        const edge = incoming[k], j = Math.floor(edge / most), found = least + long[edge];
        if (edge - j * most < m && found < way[j]) { way[j] = found; toward[j] = at; }
      }
    }
  }

  /** The graph's edges that leap from turn to turn, each once. */
  function leaps(m) {
    const found = [];
    for (let i = 0; i < n; i++)
      for (let edge = i * most; edge < i * most + m; edge++) {
        const j = next[edge];
        if (!astray(t[i], t[j])) continue;
        const back = j < i && next.subarray(j * most, j * most + m).includes(i);
        if (!back) found.push([i, j]);
      }
    return found;
  }

  /** What is to say of A at (t, h). */
  function look(a, b, m, { way, toward }) {
    const [x, y, z] = place(a, b);
    const friends = Array.from(nearest(x, y, z, m, -1, 20).subarray(0, m), (key) => key % 1024);
    let length = Infinity, at = -1;
    for (const i of friends) {
      const whole = apart(i, x, y, z) + way[i];
      if (whole < length) [length, at] = [whole, i];
    }
    const path = [];
    for (; at >= 0; at = toward[at]) path.push(at);
    return {
      friends, path, length, false_: friends.filter((i) => astray(t[i], a)),
      straight: apart(0, x, y, z), sheet: along(a, b, t[0], h[0]),
    };
  }

  // --- state -----------------------------------------------------------------------------

  let [at, level] = contents.start, m = few, noise = 0, turn = 0.45, tilt = 0.3;
  let graph, jumps, seen, dirty = true, scattered = false;

  function reckon() {
    if (!scattered) scatter(noise);
    if (dirty || !scattered) {
      graph = ways(m);
      jumps = leaps(m);
    }
    scattered = true;
    dirty = false;
    seen = look(at, level, m, graph);
  }

  // --- drawing ------------------------------------------------------------------------------

  // Matplotlib's cividis; on a dark ground it begins with a lighter blue.
  const MIDDLE = [[102, 105, 112], [140, 135, 120], [185, 168, 109], [233, 209, 80]];
  const SHADES = {
    light: [[0, 45, 108], [60, 77, 110], ...MIDDLE],
    dark: [[80, 140, 225], [110, 130, 165], ...MIDDLE],
  };
  for (const [theme, stops] of Object.entries(SHADES))
    SHADES[theme] = Array.from(t, (v) => {
      const x = ((v - FIRST) / (LAST - FIRST)) * (stops.length - 1);
      const low = Math.min(stops.length - 2, Math.max(0, Math.floor(x)));
      return `rgb(${stops[low].map((c, k) => Math.round(c + (x - low) * (stops[low + 1][k] - c)))})`;
    });
  const shades = () =>
    document.documentElement.dataset.theme === "dark" ? SHADES.dark : SHADES.light;

  function line(context, places, ink, width, dash = []) {
    context.setLineDash(dash);
    context.lineWidth = width;
    context.lineJoin = "round";
    context.strokeStyle = ink;
    context.beginPath();
    places.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
    context.setLineDash([]);
  }

  function disc(context, x, y, radius, ink) {
    context.fillStyle = ink;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  /** Neighbours: a disc if it is one on the sheet as well, a diamond if it is not. */
  function mark(context, [x, y], wrong) {
    context.beginPath();
    if (wrong) {
      context.moveTo(x, y - 8); context.lineTo(x + 8, y);
      context.lineTo(x, y + 8); context.lineTo(x - 8, y); context.closePath();
    } else context.arc(x, y, 5, 0, 2 * Math.PI);
    context.fillStyle = kit.tint(wrong ? WRONG : GOOD);
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = kit.colour("ground");
    context.stroke();
  }

  function name(context, text, [x, y]) {
    disc(context, x, y, 6.5, kit.colour("ground"));
    context.lineWidth = 3;
    context.strokeStyle = kit.colour("ink");
    context.stroke();
    context.font = "700 17px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 5;
    context.strokeStyle = kit.colour("ground");
    context.strokeText(text, x + 13, y - 13);
    context.fillStyle = kit.colour("ink");
    context.fillText(text, x + 13, y - 13);
  }

  /** From space to the screen: [x, y, depth, the nearer the larger]. */
  function camera(w, h) {
    const scale = Math.min(w, h) / 35.5; // whichever way it is turned
    const [c, d, e, f] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
    return (x, y, z) => {
      const right = c * x - d * (y - DEEP / 2), depth = -d * x - c * (y - DEEP / 2);
      return [w / 2 + scale * right, h / 2 - scale * (e * z + f * -depth), e * depth + f * z];
    };
  }

  /** Lines and marks that both views have; `put(i)` is where point i is drawn. */
  function overlay(context, a, put, straight, sheet) {
    const wrong = kit.tint(WRONG), ink = kit.colour("ink");
    context.globalAlpha = jumps.length > 60 ? 0.25 : 0.8;
    context.lineWidth = 1;
    context.strokeStyle = wrong;
    context.beginPath();
    for (const [i, j] of jumps.slice(0, 300)) { // beyond that one sees only colour
      context.moveTo(...put(i));
      context.lineTo(...put(j));
    }
    context.stroke();
    context.globalAlpha = 1;
    line(context, sheet, kit.colour("accent"), 2.5);
    if (straight) line(context, [a, put(0)], ink, 2, [1, 4]);
    if (seen.path.length) line(context, [a, ...seen.path.map(put)], ink, 2, [7, 4]);
    const strange = new Set(seen.false_);
    for (const i of seen.friends) if (i) mark(context, put(i), strange.has(i));
    name(context, "B", put(0));
    name(context, "A", a);
  }

  const projected = Array.from({ length: n }, () => [0, 0, 0]);
  const order = Array.from({ length: n }, (_, i) => i);
  const roll = kit.canvas({ class: "explorer-roll", "aria-hidden": "true" }, (context, w, height) => {
    if (!seen) return;
    const see = camera(w, height);
    for (const rim of [0, DEEP])
      line(context, Array.from({ length: 91 }, (_, i) =>
        see(...place(FIRST + ((LAST - FIRST) * i) / 90, rim))), kit.colour("line"), 1.5);
    for (const end of [FIRST, LAST])
      line(context, [0, DEEP].map((rim) => see(...place(end, rim))), kit.colour("line"), 1.5);
    for (let i = 0; i < n; i++)
      projected[i] = see(points[3 * i], points[3 * i + 1], points[3 * i + 2]);
    order.sort((i, j) => projected[i][2] - projected[j][2]);
    const shadeOf = shades();
    for (const i of order) {
      const [x, y, depth] = projected[i], share = Math.min(1, Math.max(0, (depth + 16) / 32));
      context.globalAlpha = 0.3 + 0.7 * share;
      disc(context, x, y, 1.6 + 1.6 * share, shadeOf[i]);
    }
    context.globalAlpha = 1;
    const from = arc(at);
    overlay(context, see(...place(at, level)), (i) => projected[i], true,
      Array.from({ length: 61 }, (_, i) => see(...place(
        angle(from + ((s[0] - from) * i) / 60), level + ((h[0] - level) * i) / 60))));
  });

  const EDGE = 14;
  const onSheet = (w, height) => (s, h) => [
    EDGE + ((s - near) / (far - near)) * (w - 2 * EDGE),
    height - EDGE - (h / DEEP) * (height - 2 * EDGE),
  ];
  const sheet = kit.canvas({ class: "explorer-plot explorer-sheet", "aria-hidden": "true" }, (context, w, height) => {
    if (!seen) return;
    const put = onSheet(w, height);
    line(context, [[near, 0], [far, 0], [far, DEEP], [near, DEEP], [near, 0]].map((p) => put(...p)),
      kit.colour("line"), 1.5);
    const shadeOf = shades();
    context.globalAlpha = 0.8;
    for (let i = 0; i < n; i++) disc(context, ...put(s[i], h[i]), 2, shadeOf[i]);
    context.globalAlpha = 1;
    const a = put(arc(at), level);
    overlay(context, a, (i) => put(s[i], h[i]), false, [a, put(s[0], h[0])]);
  });
  kit.drag(sheet.element, (x, y, w, height) => {
    const share = (v, length) => Math.min(1, Math.max(0, (v - EDGE) / (length - 2 * EDGE)));
    go([angle(near + share(x, w) * (far - near)), (1 - share(y, height)) * DEEP]);
  });

  // On the roll one takes hold of A, or else of the roll.
  let hold = null;
  kit.drag(roll.element, (x, y, w, height, begins) => {
    const see = camera(w, height);
    if (begins) {
      const [a, b] = see(...place(at, level));
      hold = { carries: Math.hypot(a - x, b - y) < 26, x, y };
    }
    if (hold.carries) {
      let best = null, least = Infinity;
      const here = arc(at);
      for (let i = 0; i <= 240; i++) {
        const u = FIRST + ((LAST - FIRST) * i) / 240, leap = Math.abs(arc(u) - here);
        for (let v = 0; v <= 20; v++) {
          const [a, b] = see(...place(u, (v / 20) * DEEP));
          // Of places that look the same, the one that is nearer on the sheet.
          const found = Math.hypot(a - x, b - y) + 1.5 * leap + 0.5 * Math.abs((v / 20) * DEEP - level);
          if (found < least) [best, least] = [[u, (v / 20) * DEEP], found];
        }
      }
      go(best);
    } else {
      turn = wrapped(turn + (x - hold.x) * 0.012);
      tilt = Math.min(1.5, Math.max(-1.5, tilt + (y - hold.y) * 0.01));
      Object.assign(hold, { x, y });
      show();
    }
  });
  const wrapped = (angle) => angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));

  // --- words and controls ------------------------------------------------------------------

  const value = (v) => (v === Infinity ? "no way" : v.toFixed(1));
  const entry = (style, text) => {
    const number = element("b");
    return { number, element: element("li", {},
      element("span", { class: `explorer-stroke is-${style}`, "aria-hidden": "true" }), text, " ", number) };
  };
  const lengths = [entry("dotted", "straight"), entry("solid", "along the sheet"),
    entry("dashed", "on the graph")];
  const key = element("p", { class: "explorer-key" });
  const readout = element("p", { class: "explorer-readout", "aria-hidden": "true" });
  const live = kit.live();
  const degrees = (v) => `${Math.round((v * 180) / Math.PI)}°`.replace("-", "−");
  const slider = (label, min, max, step, value, format, onInput) =>
    kit.slider({ label, min, max, step, value, format, onInput: (v) => { onInput(v); show(); } });
  const sliders = [
    slider("neighbours m", 3, most, 1, m, String, (v) => { m = v; dirty = true; }),
    slider("noise", 0, 2, 0.05, noise, (v) => v.toFixed(2), (v) => { noise = v; scattered = false; }),
    slider("A along the sheet", near, far, "any", arc(at), (v) => v.toFixed(1), (v) => { at = angle(v); }),
    slider("A across it", 0, DEEP, "any", level, (v) => v.toFixed(1), (v) => { level = v; }),
    slider("turn the roll", -Math.PI, Math.PI, "any", turn, degrees, (v) => { turn = v; }),
    slider("tilt it", -1.5, 1.5, "any", tilt, degrees, (v) => { tilt = v; }),
  ];

  panel.append(
    element("div", { class: "explorer-columns" }, roll.element,
      element("div", { class: "explorer-notes" },
        element("p", {}, "From A to B:"),
        element("ul", {}, ...lengths.map((found) => found.element)), key)),
    sheet.element,
    readout,
    element("div", { class: "explorer-controls" },
      ...sliders.map((found) => found.element),
      element("div", { class: "explorer-buttons" }, kit.button("Back to the start", reset))),
    live.element);

  const diamond = (text, wrong) => element("span", { class: wrong ? "is-wrong" : "is-good" }, text);

  const show = kit.once(kit.root, () => {
    reckon();
    [m, noise, arc(at), level, turn, tilt].forEach((v, i) => sliders[i].set(v));
    roll.paint();
    sheet.paint();
    [seen.straight, seen.sheet, seen.length].forEach((v, i) => { lengths[i].number.textContent = value(v); });
    const wrong = seen.false_.length, right = m - wrong;
    key.replaceChildren(`Of A's ${m} nearest points `, diamond("●", false),
      ` ${right} are near on the sheet, `, diamond("◆", true), ` ${wrong} on another turn.`);
    const cut = seen.length < 0.95 * seen.sheet;
    readout.textContent =
      `${jumps.length || "No"} ${jumps.length === 1 || !jumps.length ? "edge leaps" : "edges leap"} to another turn. ` +
      (seen.length === Infinity ? "The graph is in pieces: no way leads to B."
        : cut ? "The way to B takes a short cut." : "The way to B follows the sheet.");
    live.say(`${key.textContent} From A to B: straight ${value(seen.straight)}, along the sheet ` +
      `${value(seen.sheet)}, on the graph ${value(seen.length)}. ${readout.textContent}`);
  });

  function go([a, b]) {
    [at, level] = [a, b];
    show();
  }

  function reset() {
    [[at, level], m, noise, turn, tilt] = [contents.start, few, 0, 0.45, 0.3];
    scattered = false;
    show();
  }

  show();

  return {
    /** Rows of t, h, number of neighbours, noise. */
    evaluate(inputs) {
      const answers = Array.from({ length: inputs.shape[0] }, (_, row) => {
        const [a, b, count, strength] = inputs.subarray(4 * row, 4 * row + 4);
        scatter(strength);
        const found = look(a, b, count, ways(count)), [x, y, z] = place(a, b);
        const sum = (of) => found.friends.reduce((total, i) => total + of(i), 0);
        return [found.straight, found.sheet, found.length, sum((i) => apart(i, x, y, z)),
          sum((i) => along(a, b, t[i], h[i])), found.false_.length, leaps(count).length];
      });
      scattered = false;
      show();
      return answers;
    },
    /** t and h of A. */
    move: go,
  };
});
