/* A discriminator in one dimension against the best one, and a generator (a normal
   distribution) to move by hand or to let learn. The discriminator goes on training in the
   page: on the exact expectations over a grid, so without the noise of samples. */

LatentSpaces.explorer("discriminator", (panel, contents, kit) => {
  "use strict";
  const { element, written } = kit;
  const { low, high } = contents;
  const N = 121, dx = (high - low) / (N - 1);
  const grid = Float64Array.from({ length: N }, (_, i) => low + i * dx);
  const first = { mean: contents.q.mean, sd: contents.q.sd };
  const q = { ...first };
  let stop = null;

  // --- densities ---

  const bell = (x, mean, sd) =>
    Math.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * Math.sqrt(2 * Math.PI));
  const p = grid.map((x) =>
    contents.p.reduce((sum, part) => sum + part.weight * bell(x, part.mean, part.sd), 0));
  const qs = new Float64Array(N);
  const fill = () => grid.forEach((x, i) => { qs[i] = bell(x, q.mean, q.sd); });
  const sigmoid = (v) => 1 / (1 + Math.exp(-v));
  const softplus = (v) => (v > 0 ? v + Math.log1p(Math.exp(-v)) : Math.log1p(Math.exp(v)));

  // --- the discriminator: dense layers with ReLU between, learning with Adam ---

  const linear = contents.d.filter((layer) => layer.op === "linear");
  const load = () => linear.map((layer) => ({
    rows: layer.shape[0], columns: layer.shape[1],
    weight: Float32Array.from(kit.array(layer.weight)),
    bias: Float32Array.from(kit.array(layer.bias)),
  }));
  let layers = load(), moments = null, age = 0;

  /** Answers at one x, keeping what each layer was given. */
  function forward(x) {
    const inputs = [];
    let h = [x];
    layers.forEach((layer, l) => {
      inputs.push(h);
      const out = new Float32Array(layer.rows);
      for (let i = 0; i < layer.rows; i++) {
        let sum = layer.bias[i];
        const at = i * layer.columns;
        for (let j = 0; j < layer.columns; j++) sum += layer.weight[at + j] * h[j];
        out[i] = l < layers.length - 1 && sum < 0 ? 0 : sum;
      }
      h = out;
    });
    return { logit: h[0], inputs };
  }

  const empty = () => layers.map((layer) => ({
    weight: new Float32Array(layer.weight.length), bias: new Float32Array(layer.bias.length),
  }));

  /** Adds the gradient of `slope` · logit to `into`; returns its derivative in x. */
  function backward({ inputs }, slope, into) {
    let back = [slope];
    for (let l = layers.length - 1; l >= 0; l--) {
      const { rows, columns, weight } = layers[l], given = inputs[l];
      const next = new Float32Array(columns);
      for (let i = 0; i < rows; i++) {
        const b = back[i];
        if (b === 0) continue;
        const at = i * columns;
        if (into) {
          into[l].bias[i] += b;
          for (let j = 0; j < columns; j++) into[l].weight[at + j] += b * given[j];
        }
        for (let j = 0; j < columns; j++) next[j] += b * weight[at + j];
      }
      if (l > 0) for (let j = 0; j < columns; j++) if (given[j] <= 0) next[j] = 0;
      back = next;
    }
    return back[0];
  }

  function teach(rate) {
    const gradient = empty();
    moments = moments || [empty(), empty()];
    age += 1;
    for (let i = 0; i < N; i++) {
      if (p[i] + qs[i] < 1e-6) continue;
      const state = forward(grid[i]);
      const d = sigmoid(state.logit);
      backward(state, (qs[i] * d - p[i] * (1 - d)) * dx, gradient);
    }
    layers.forEach((layer, l) => ["weight", "bias"].forEach((name) => {
      const g = gradient[l][name], m = moments[0][l][name], v = moments[1][l][name];
      for (let i = 0; i < g.length; i++) {
        m[i] += 0.1 * (g[i] - m[i]);
        v[i] += 0.001 * (g[i] * g[i] - v[i]);
        const fair = Math.sqrt(v[i] / (1 - 0.999 ** age)) + 1e-8;
        layer[name][i] -= (rate * m[i]) / (1 - 0.9 ** age) / fair;
      }
    }));
  }

  /** The non-saturating loss's gradient in mean and log sd, by x = mean + sd·ε. */
  function pull() {
    let mean = 0, sd = 0;
    for (let i = 0; i < N; i++) {
      if (qs[i] < 1e-6) continue;
      const state = forward(grid[i]);
      const slope = backward(state, 1, null);
      const one = -qs[i] * dx * (1 - sigmoid(state.logit)) * slope;
      mean += one;
      sd += one * (grid[i] - q.mean);
    }
    return { mean, sd };
  }

  // --- what is shown ---

  const curves = kit.canvas({ class: "explorer-plot", "aria-hidden": "true" }, drawBoth);
  const readout = element("p", { class: "explorer-readout", "aria-hidden": "true" });
  const live = kit.live();
  const mean = kit.slider({
    label: "generator: mean", min: -4, max: 4, step: 0.05, value: q.mean,
    format: (v) => written(v, 2), onInput: (v) => move([v, q.sd]),
  });
  const sd = kit.slider({
    label: "generator: width", min: 0.3, max: 2.5, step: 0.05, value: q.sd,
    format: (v) => written(v, 2), onInput: (v) => move([q.mean, v]),
  });
  const trainD = kit.button("Train D", () => play("d"));
  const trainBoth = kit.button("Train both", () => play("both"));
  panel.append(
    curves.element, readout,
    element("div", { class: "explorer-controls" }, mean.element, sd.element,
      element("div", { class: "explorer-buttons" }, trainD, trainBoth,
        kit.button("Start again", () => {
          halt();
          layers = load();
          [moments, age] = [null, 0];
          Object.assign(q, first);
          show();
        }))),
    live.element);

  let answers = new Float64Array(N);

  function drawBoth(context, w, h) {
    const left = 10, right = w - 10, middle = Math.round(h * 0.46);
    const X = (x) => left + ((x - low) / (high - low)) * (right - left);
    const half = (top, bottom, most) => (v) => bottom - (v / most) * (bottom - top);
    const upper = half(24, middle - 10, Math.max(0.45, ...qs));
    const lower = half(middle + 34, h - 24, 1);
    const line = (Y, values, colour, width, dash = []) => {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.setLineDash(dash);
      context.beginPath();
      for (let i = 0; i < N; i++) context.lineTo(X(grid[i]), Y(values[i]));
      context.stroke();
      context.setLineDash([]);
    };
    context.font = "600 13px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.lineWidth = 1;
    context.strokeStyle = kit.colour("line");
    for (const y of [upper(0), lower(0), lower(0.5), lower(1)]) {
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(right, y);
      context.stroke();
    }
    const ink = kit.colour("ink"), blue = kit.tint("#0072B2"), orange = kit.tint("#E69F00");
    const red = kit.tint("#D55E00");
    line(upper, p, blue, 2.5);
    line(upper, qs, orange, 2.5, [7, 4]);
    line(lower, grid.map((_, i) => p[i] / (p[i] + qs[i] || 1e-300)), kit.colour("faint"), 6);
    line(lower, answers, red, 2.5);
    const say = (text, x, y, align = "left") => {
      context.textAlign = align;
      context.fillStyle = ink;
      context.fillText(text, x, y);
    };
    // A piece of the line, then its name.
    const key = (text, x, y, colour, width, dash = []) => {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + 22, y);
      context.stroke();
      context.setLineDash([]);
      say(text, x + 28, y);
    };
    key("data p", left, 10, blue, 2.5);
    key("generator q", w / 2, 10, orange, 2.5, [7, 4]);
    key("D, learned", left, middle + 10, red, 2.5);
    key("best, p / (p + q)", w / 2, middle + 10, kit.colour("faint"), 6);
    context.font = "12px system-ui, sans-serif";
    for (const [value, text] of [[0, "0"], [0.5, "½"], [1, "1"]])
      say(text, right, lower(value) - 8, "right");
    for (let x = Math.ceil(low); x <= high; x += 2)
      say(written(x, 0), X(x), h - 10, "center");
    // Which way the generator is sent, and how hard.
    const force = pull();
    const from = X(q.mean), to = from - Math.max(-80, Math.min(80, force.mean * 240));
    const y = upper(0) - 10;
    context.strokeStyle = context.fillStyle = ink;
    context.lineWidth = 3;
    if (Math.abs(to - from) > 3) {
      const way = Math.sign(to - from);
      context.beginPath();
      context.moveTo(from, y);
      context.lineTo(to, y);
      context.stroke();
      context.beginPath();
      context.moveTo(to + way * 8, y);
      context.lineTo(to, y - 6);
      context.lineTo(to, y + 6);
      context.fill();
    }
    context.beginPath();
    context.arc(from, y, 4, 0, 2 * Math.PI);
    context.fill();
  }

  const paint = () => {
    fill();
    for (let i = 0; i < N; i++) answers[i] = sigmoid(forward(grid[i]).logit);
    let loss = 0, best = 0, off = 0;
    for (let i = 0; i < N; i++) {
      const a = Math.log(answers[i] / (1 - answers[i]));
      loss += (p[i] * softplus(-a) + qs[i] * softplus(a)) * dx;
      const m = p[i] + qs[i];
      if (p[i] > 0) best -= p[i] * Math.log(p[i] / m) * dx;
      if (qs[i] > 0) best -= qs[i] * Math.log(qs[i] / m) * dx;
      off += (Math.abs(answers[i] - p[i] / (m || 1e-300)) * m * dx) / 2;
    }
    mean.set(q.mean);
    sd.set(q.sd);
    curves.paint();
    const js = Math.max(0, (Math.log(4) - best) / 2);
    readout.textContent =
      `D's loss ${written(loss, 3)}, the least possible ${written(best, 3)} ` +
      `(JS = ${written(js, 3)}). On average D is ${written(off, 2)} from the best one.`;
    live.say(`Generator at ${written(q.mean, 1)}, width ${written(q.sd, 1)}. ` +
      readout.textContent);
  };
  const show = kit.once(kit.root, paint);

  // The bell follows the hand; the page still scrolls up and down under a finger.
  kit.across(curves.element, (share) => {
    const width = curves.element.clientWidth;
    const mean = low + ((share * width - 10) / (width - 20)) * (high - low);
    move([Math.min(4, Math.max(-4, mean)), q.sd]);
  });

  function move([a, b]) {
    halt();
    [q.mean, q.sd] = [a, b];
    show();
  }

  function step(both) {
    teach(0.003);
    if (!both) return;
    const force = pull();
    q.mean -= 0.1 * force.mean;
    q.sd = Math.min(2.5, Math.max(0.3, q.sd * Math.exp(-0.1 * force.sd)));
    fill();
  }

  function play(who) {
    const going = stop && stop.who === who;
    halt();
    if (going) return;
    if (kit.calm()) { // all steps at once, no motion
      for (let i = 0; i < 100; i++) step(who === "both");
      return show();
    }
    (who === "d" ? trainD : trainBoth).textContent = "Stop";
    let left = who === "d" ? 400 : Infinity;
    const end = kit.animate(() => {
      const started = performance.now();
      do { step(who === "both"); left -= 1; } while (performance.now() - started < 5 && left > 0);
      paint();
      if (left > 0) return true;
      halt();
      return false;
    });
    stop = Object.assign(() => end(), { who });
  }

  function halt() {
    if (stop) stop();
    stop = null;
    trainD.textContent = "Train D";
    trainBoth.textContent = "Train both";
  }

  fill();
  show();

  return {
    evaluate: (inputs) => Array.from(inputs, (x) => {
      const kept = layers;
      layers = load();
      const state = forward(x), gradient = empty();
      const slope = backward(state, 1, gradient);
      layers = kept;
      // The logit, its derivative in x, and the length of its gradient in the weights.
      const square = gradient.reduce((sum, { weight, bias }) =>
        sum + weight.reduce((s, g) => s + g * g, 0) + bias.reduce((s, g) => s + g * g, 0), 0);
      return [state.logit, slope, Math.sqrt(square)];
    }),
    move,
    step, // for the test that D learns
    distance: () => { paint(); return +readout.textContent.match(/is ([\d.]+) from/)[1]; },
  };
});
