/* A threshold to drag through the scores of normal beats (upwards) and abnormal ones
   (downwards), so that the four quarters of the picture are the four cells of the table
   below it. Under the scores what each threshold would cost; then the ROC curve and the
   two beats that the threshold just separates. */

LatentSpaces.explorer("threshold", (panel, contents, kit) => {
  "use strict";
  const { element } = kit;
  const { detectors, colours, low, high } = contents;
  const SPLITS = ["validation", "test"], BINS = 56, PROMISE = 0.05;
  const SHARES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.42, 0.5];
  const MISSES = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200];
  const colour = { normal: colours[0], abnormal: colours[1] };

  // --- scores, sorted, and what a threshold does with them ---------------------------

  const labels = contents.abnormal.map(kit.array), beats = contents.beats.map(kit.array);
  const usual = kit.array(contents.usual), length = usual.length;
  const data = contents.scores.map((pair) =>
    pair.map((field, part) => {
      const all = kit.array(field);
      const order = [...all.keys()].sort((a, b) => all[a] - all[b]);
      const of = (kind) => Float32Array.from(
        order.filter((i) => labels[part][i] === kind), (i) => all[i]);
      return { all, order, normal: of(0), abnormal: of(1) };
    }));

  /** How many of the sorted scores are at most `tau`. */
  function atMost(sorted, tau) {
    let from = 0, to = sorted.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (sorted[middle] <= tau) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  function mistakes({ normal, abnormal }, tau, share, miss) {
    const passed = atMost(normal, tau), missed = atMost(abnormal, tau);
    const alarms = normal.length - passed, hits = abnormal.length - missed;
    const recall = hits / abnormal.length, false_ = alarms / normal.length;
    const found = share * recall, wrongly = (1 - share) * false_;
    return {
      passed, alarms, missed, hits, recall, falseAlarms: false_,
      accuracy: (passed + hits) / (normal.length + abnormal.length),
      precision: hits / Math.max(1, hits + alarms),
      f1: (2 * hits) / (2 * hits + alarms + missed),
      precisionThere: hits + alarms ? found / (found + wrongly) : 0,
      cost: share * miss * (1 - recall) + (1 - share) * false_,
    };
  }

  function cheapest(scores, share, miss) {
    let best = null, least = Infinity;
    for (const i of scores.order) {
      const { cost } = mistakes(scores, scores.all[i], share, miss);
      if (cost < least - 1e-12) [best, least] = [scores.all[i], cost];
    }
    return { tau: best, cost: least };
  }

  function promised({ normal }) {
    return normal[Math.ceil((1 - PROMISE) * (normal.length + 1)) - 1];
  }

  function auroc({ normal, abnormal }) {
    let wins = 0;
    for (const s of abnormal) {
      const below = atMost(normal, s);
      let ties = 0;
      while (below - ties > 0 && normal[below - ties - 1] === s) ties++;
      wins += below - ties / 2;
    }
    return wins / (normal.length * abnormal.length);
  }

  /** The ends of a detector's axis: all flagged at one, nothing at the other. */
  const ends = data.map((pair) => {
    const all = pair.flatMap(({ all, order }) => [all[order[0]], all[order.at(-1)]]);
    return [Math.log(Math.min(...all) * 0.9), Math.log(Math.max(...all) * 1.1)];
  });
  const sorted = data.map((pair) => pair.map(({ all }) => Float32Array.from(all).sort()));
  const areas = data.map((pair) => pair.map(auroc));

  // --- what is chosen ------------------------------------------------------------------

  let detector = 0, part = 0, [share, miss] = contents.price;
  let tau = promised(data[0][0]), best = null, curve = null, bars = null, steps = null;

  /** What changes with the choices and not with the threshold. */
  function reckon() {
    const scores = data[detector][part];
    best = cheapest(data[detector][0], share, miss);
    const [from, to] = ends[detector];
    curve = Float64Array.from({ length: 241 }, (_, i) =>
      mistakes(scores, Math.exp(from + ((to - from) * i) / 240), share, miss).cost);
    bars = ["normal", "abnormal"].map((kind) => {
      const counts = new Uint16Array(BINS);
      for (const s of scores[kind])
        counts[Math.floor(((Math.log(s) - from) / (to - from)) * BINS)]++;
      return counts;
    });
    steps = [0, ...sorted[detector][part]].reverse().map((value) => {
      const { falseAlarms, recall } = mistakes(scores, value, share, miss);
      return [falseAlarms, recall];
    });
  }
  reckon();

  // --- the picture of the scores ---------------------------------------------------------

  const COST = 74, FOOT = 20;
  const wide = kit.canvas({ class: "explorer-plot", "aria-hidden": "true" }, paintScores);
  kit.across(wide.element, slide);

  function place(w, value) {
    const [from, to] = ends[detector];
    return ((Math.log(value) - from) / (to - from)) * w;
  }

  function write(context, text, x, y, align = "left", weight = 400) {
    context.font = `${weight} 12px system-ui, sans-serif`;
    context.textAlign = align;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4;
    context.strokeStyle = kit.colour("ground");
    context.strokeText(text, x, y);
    context.fillStyle = kit.colour("ink");
    context.fillText(text, x, y);
  }

  function line(context, points, ink, width = 1, dash = []) {
    context.setLineDash(dash);
    context.lineWidth = width;
    context.strokeStyle = ink;
    context.beginPath();
    points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
    context.setLineDash([]);
  }

  /** Bars from `base`; up for way = −1. Those of mistakes are filled and hatched. */
  function paintBars(context, w, base, tall, way, counts, x, kind) {
    const ink = kit.tint(colour[kind]), most = Math.max(...counts), step = w / BINS;
    const outline = () => {
      context.beginPath();
      context.moveTo(0, base);
      counts.forEach((count, i) => {
        const y = base + (way * tall * count) / most;
        context.lineTo(i * step, y);
        context.lineTo((i + 1) * step, y);
      });
      context.lineTo(w, base);
    };
    for (const [from, to, wrong] of [[0, x, kind === "abnormal"], [x, w, kind === "normal"]]) {
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, 10000);
      context.clip();
      outline();
      context.fillStyle = ink;
      context.globalAlpha = wrong ? 0.9 : 0.3;
      context.fill();
      context.globalAlpha = 1;
      if (wrong) {
        context.save();
        context.clip();
        context.beginPath();
        const top = Math.min(base, base + way * tall);
        for (let i = from - tall; i < to; i += 7) {
          context.moveTo(i, top + tall);
          context.lineTo(i + tall, top);
        }
        context.lineWidth = 2;
        context.strokeStyle = kit.colour("ground");
        context.stroke();
        context.restore();
      }
      outline();
      context.lineWidth = 1.5;
      context.strokeStyle = ink;
      context.stroke();
      context.restore();
    }
  }

  function paintScores(context, w, h) {
    const ink = kit.colour("ink"), quiet = kit.colour("line");
    const bottom = h - COST - FOOT, tall = (bottom - 62) / 2, base = 36 + tall;
    const x = place(w, tau), m = mistakes(data[detector][part], tau, share, miss);
    paintBars(context, w, base, tall, -1, bars[0], x, "normal");
    paintBars(context, w, base, tall, 1, bars[1], x, "abnormal");
    line(context, [[0, base], [w, base]], ink, 2);

    // What each threshold would cost.
    const floor = h - FOOT, most = Math.max(...curve);
    const height = (cost) => floor - (cost / most) * (COST - 22);
    line(context, [[0, floor], [w, floor]], quiet);
    line(context, Array.from(curve, (cost, i) => [(i / 240) * w, height(cost)]),
      kit.colour("accent"), 2);
    const marks = [[best.tau, "cheapest"], [promised(data[detector][0]), "5 %"]]
      .map(([value, text]) => [place(w, value), text]);
    for (const [at] of marks) line(context, [[at, 36], [at, floor]], ink, 1, [2, 4]);

    line(context, [[x, 2], [x, floor]], ink, 2.5);
    context.fillStyle = ink;
    for (const [px, py, radius] of [[x, base, 8], [x, height(m.cost), 5]]) {
      context.beginPath();
      context.arc(px, py, radius, 0, 2 * Math.PI);
      context.fill();
    }
    const left = x > 96, right = x < w - 106;
    const beside = (text, y, side, weight) =>
      write(context, text, side < 0 ? Math.max(x - 10, 90) : Math.min(x + 10, w - 100),
        y, side < 0 ? "right" : "left", weight);
    if (left) beside("called normal", 8, -1);
    if (right) beside("flagged", 8, 1);
    const up = 24, down = base + tall + 12;
    if (left) beside(`${m.passed} let pass`, up, -1, 600);
    if (right) beside(`${m.alarms} false alarms`, up, 1, 600);
    if (left) beside(`${m.missed} missed`, down, -1, 600);
    if (right) beside(`${m.hits} found`, down, 1, 600);
    const far = x > w / 2 ? [4, "left"] : [w - 4, "right"];
    write(context, "normal beats ↑", far[0], base - 12, far[1]);
    write(context, "abnormal beats ↓", far[0], base + 14, far[1]);
    write(context, `cost C(τ) = ${m.cost.toFixed(4)}`, far[0], bottom + 12, far[1]);
    marks.sort((a, b) => a[0] - b[0]);
    const close = marks[1][0] - marks[0][0] < 60;
    marks.forEach(([at, text], i) =>
      write(context, text, Math.min(w - 30, Math.max(26, at)) + (close ? (i ? 3 : -3) : 0),
        h - 8, close ? (i ? "left" : "right") : "center"));
  }

  // --- the ROC curve, and the two beats next to the threshold -------------------------------

  const roc = kit.canvas({ "aria-hidden": "true" }, (context, w, h) => {
    const scores = data[detector][part], side = Math.min(w, h) - 10;
    const ox = (w - side) / 2, oy = h - 5;
    const at = (a, r) => [ox + a * side, oy - r * side];
    line(context, [at(0, 0), at(1, 0), at(1, 1), at(0, 1), at(0, 0)], kit.colour("line"));
    line(context, [at(0, 0), at(1, 1)], kit.colour("line"), 1, [3, 3]);
    line(context, steps.map(([a, r]) => at(a, r)), kit.colour("accent"), 2.5);
    const m = mistakes(scores, tau, share, miss);
    context.fillStyle = kit.colour("ink");
    context.beginPath();
    context.arc(...at(m.falseAlarms, m.recall), 6, 0, 2 * Math.PI);
    context.fill();
  });
  const rocNote = element("figcaption");

  function beatFigure(way) {
    let index = -1;
    const note = element("figcaption");
    const drawn = kit.canvas({ "aria-hidden": "true" }, (context, w, h) => {
      if (index < 0) return;
      const x = (i) => 3 + (i / (length - 1)) * (w - 6);
      const y = (value) => 5 + ((high - value) / (high - low)) * (h - 10);
      line(context, Array.from(usual, (v, i) => [x(i), y(v)]), kit.colour("ink"), 1, [3, 3]);
      const ink = kit.tint(colour[labels[part][index] ? "abnormal" : "normal"]);
      const own = beats[part].subarray(index * length, (index + 1) * length);
      line(context, Array.from(own, (v, i) => [x(i), y(low + (v / 255) * (high - low))]), ink, 2.5);
    });
    return {
      element: element("figure", {}, drawn.element, note),
      update() {
        const { order } = data[detector][part];
        const count = atMost(sorted[detector][part], tau);
        const rank = way < 0 ? count - 1 : count;
        index = order[rank] ?? -1;
        const truth = index >= 0 && labels[part][index] ? "abnormal" : "normal";
        const right = (truth === "abnormal") === way > 0;
        note.textContent = index < 0 ? (way < 0 ? "No beat is called normal." : "No beat is flagged.")
          : `${way < 0 ? "Just called normal" : "Just flagged"}. ` +
            (right ? `It is ${truth}.` : `It is ${truth}: a ${way < 0 ? "miss" : "false alarm"}.`);
        drawn.paint();
      },
    };
  }
  const twins = [beatFigure(-1), beatFigure(1)];

  // --- tables ---------------------------------------------------------------------------------

  const cell = (mistake) => element("td", mistake ? { class: "is-mistake" } : {});
  const counts = { passed: cell(), alarms: cell(true), missed: cell(true), hits: cell() };
  const heading = (text, scope) => element("th", { scope }, text);
  const confusion = element("table", {},
    element("caption", {}),
    element("thead", {}, element("tr", {}, element("td"),
      heading("called normal", "col"), heading("flagged", "col"))),
    element("tbody", {},
      element("tr", {}, heading("normal", "row"), counts.passed, counts.alarms),
      element("tr", {}, heading("abnormal", "row"), counts.missed, counts.hits)));
  const values = {}, names = {};
  const measures = element("table", {},
    element("caption", {}, "Rates"),
    element("tbody", {}, ...[
      [["recall", "recall"], ["falseAlarms", "false-alarm rate"]],
      [["precision", "precision"], ["precisionThere", ""]],
      [["accuracy", "accuracy"], ["f1", "F1"]],
    ].map((row) => element("tr", {}, ...row.flatMap(([key, name]) =>
      [(names[key] = heading(name, "row")), (values[key] = cell())])))));

  // --- controls ---------------------------------------------------------------------------------

  const digits = (value) => (value ? value.toPrecision(3) : "0").replace(/e.*/, "");
  const cut = kit.slider({
    label: "τ", min: 0, max: 1, step: 0.002, value: 0, format: () => digits(tau),
    onInput: slide,
  });
  const nearest = (list, value) =>
    list.reduce((found, v, i) => (Math.abs(Math.log(v / value)) < Math.abs(Math.log(list[found] / value)) ? i : found), 0);
  const pricing = (label, list, value, format, set) => kit.slider({
    label, min: 0, max: list.length - 1, step: 1, value: nearest(list, value),
    format: (i) => format(list[i]),
    onInput: (i) => { set(list[i]); reckon(); show(); },
  });
  const rare = pricing("prevalence π", SHARES, share, String, (v) => { share = v; });
  const dear = pricing("cost of a miss", MISSES, miss, String, (v) => { miss = v; });
  const readout = element("p", { class: "explorer-readout", "aria-hidden": "true" });
  const live = kit.live();

  panel.append(
    kit.choice({ label: "Score:", choices: detectors, onInput: (i) => {
      // The same share of normal validation beats stays flagged.
      const rank = atMost(data[detector][0].normal, tau);
      detector = i;
      const { normal } = data[i][0];
      tau = rank ? normal[rank - 1] : Math.exp(ends[i][0]);
      reckon(); show();
    } }).element,
    kit.choice({ label: "Beats:", choices: SPLITS,
      onInput: (i) => { part = i; reckon(); show(); } }).element,
    wide.element,
    element("div", { class: "explorer-controls" }, cut.element, rare.element, dear.element,
      element("div", { class: "explorer-buttons" },
        kit.button("Cheapest τ", () => go(best.tau)),
        kit.button("5 % false alarms", () => go(promised(data[detector][0]))))),
    readout,
    element("div", { class: "explorer-tables" }, confusion, measures),
    element("div", { class: "explorer-trio" },
      element("figure", {}, roc.element, rocNote), ...twins.map((twin) => twin.element)),
    live.element);

  const show = kit.once(kit.root, () => {
    const m = mistakes(data[detector][part], tau, share, miss);
    const [from, to] = ends[detector];
    cut.set((Math.log(tau) - from) / (to - from));
    wide.paint();
    roc.paint();
    twins.forEach((twin) => twin.update());
    for (const [key, found] of Object.entries(counts)) found.textContent = m[key];
    for (const [key, found] of Object.entries(values))
      found.textContent = key.startsWith("precision") && !(m.hits + m.alarms) ? "–" : m[key].toFixed(3);
    names.precisionThere.textContent = `precision if π = ${share}`;
    confusion.caption.textContent = `${m.passed + m.alarms + m.missed + m.hits} ${SPLITS[part]} beats`;
    rocNote.textContent = `Recall against false-alarm rate. AUROC ${areas[detector][part].toFixed(3)}`;
    const cost = (at) => mistakes(data[detector][at], tau, share, miss).cost.toFixed(4);
    readout.textContent =
      `C(τ) is ${cost(0)} a beat on validation, ${cost(1)} on test. ` +
      `Flagging every beat would cost ${(1 - share).toFixed(3)}, none ${digits(share * miss)}.`;
    live.say(`Threshold ${digits(tau)} on ${SPLITS[part]} beats: ${m.missed} missed, ${m.alarms} false alarms. ${readout.textContent}`);
  });

  function go(value) {
    tau = value;
    show();
  }

  /** To a place between the ends of the axis, 0 to 1. */
  function slide(share) {
    const [from, to] = ends[detector];
    go(Math.exp(from + share * (to - from)));
  }

  show();

  return {
    /** Rows of detector, split, threshold, π, cost of a miss. */
    evaluate: (inputs) =>
      Array.from({ length: inputs.shape[0] }, (_, row) => {
        const [i, at, value, ...price] = inputs.subarray(5 * row, 5 * row + 5);
        const { passed, alarms, missed, hits, recall, falseAlarms, accuracy, precision, f1,
          precisionThere, cost } = mistakes(data[i][at], value, ...price);
        return [passed, alarms, missed, hits, recall, falseAlarms, accuracy, precision, f1,
          precisionThere, cost, auroc(data[i][at]), cheapest(data[i][0], ...price).cost,
          promised(data[i][0])];
      }),
    /** A threshold. */
    move: go,
  };
});
