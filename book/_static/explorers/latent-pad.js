/* A plane of codes: drag, and the decoder draws. Beside it, the nearest image of the test
   set, so that one sees where the decoder has something to go by and where it makes up. */

LatentSpaces.explorer("latent-pad", (panel, contents, kit) => {
  "use strict";
  const { element } = kit;
  const { low, high, classes, colours, start } = contents;
  const decode = kit.network(contents.decoder);
  const codes = kit.array(contents.codes), labels = kit.array(contents.labels);
  const n = labels.length;
  const home = [...start];
  let z = [...start], images = null, stop = null;

  // How far a code of the test set usually is from the nearest other one: what is much
  // farther from all of them is where the decoder has never been asked.
  const span = [high[0] - low[0], high[1] - low[1]];
  function nearest(a, b, except = -1) {
    let best = -1, least = Infinity;
    for (let i = 0; i < n; i++) {
      if (i === except) continue;
      const u = (codes[2 * i] - a) / span[0], v = (codes[2 * i + 1] - b) / span[1];
      if (u * u + v * v < least) [best, least] = [i, u * u + v * v];
    }
    return { index: best, distance: Math.sqrt(least) };
  }
  const gaps = Array.from({ length: n }, (_, i) =>
    nearest(codes[2 * i], codes[2 * i + 1], i).distance).sort((a, b) => a - b);
  const usual = gaps[Math.floor(0.95 * n)];

  const pad = kit.pad({ low, high, value: z, draw, onInput: go });
  const drawn = kit.picture(28, 28), real = kit.picture(28, 28);
  const drawnNote = element("figcaption", {}, "the decoder's answer");
  const realNote = element("figcaption", {}, "nearest test image");
  const readout = element("p", { class: "explorer-readout", "aria-hidden": "true" });
  const live = kit.live();
  const names = ["z₁", "z₂"];
  const sliders = [0, 1].map((k) =>
    kit.slider({
      label: names[k], min: low[k], max: high[k], value: z[k],
      format: kit.written,
      onInput: (value) => go(k ? [z[0], value] : [value, z[1]]),
    }));
  const walk = kit.button("Take a walk", toggle);

  panel.append(
    element("div", { class: "explorer-columns" },
      element("div", { class: "explorer-answers" },
        element("figure", { class: "explorer-large" }, drawn.element, drawnNote),
        element("figure", { class: "explorer-small" }, real.element, realNote)),
      element("div", { class: "explorer-plane" }, pad.element)),
    readout,
    element("div", { class: "explorer-controls" },
      ...sliders.map((slider) => slider.element),
      element("div", { class: "explorer-buttons" }, walk,
        kit.button("Back to the start", () => go(home)))),
    live.element);

  function draw(context, place, w, h) {
    const radius = w < 320 ? 2 : 2.5;
    context.globalAlpha = 0.75;
    for (let i = 0; i < n; i++) {
      const [x, y] = place(codes[2 * i], codes[2 * i + 1]);
      context.fillStyle = kit.tint(colours[labels[i]]);
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    context.font = "600 12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    const taken = [];
    classes.forEach((name, c) => {
      const own = [...labels.keys()].filter((i) => labels[i] === c);
      if (!own.length) return;
      const middle = (k) => own.map((i) => codes[2 * i + k]).sort((a, b) => a - b)[own.length >> 1];
      let [x, y] = place(middle(0), middle(1));
      const half = context.measureText(name).width / 2 + 4;
      x = Math.min(w - half, Math.max(half, x));
      // Names that would cover one another move down, then up.
      const free = (at) => taken.every(([a, b, r]) => Math.abs(a - x) > r + half || Math.abs(b - at) > 17);
      for (let shift = 0; shift < 9 * 17; shift += 17) {
        const found = [y + shift, y - shift].find((at) => at > 9 && at < h - 9 && free(at));
        if (found !== undefined) { y = found; break; }
      }
      taken.push([x, y, half]);
      context.lineWidth = 4;
      context.lineJoin = "round";
      context.strokeStyle = kit.colour("ground");
      context.strokeText(name, x, y);
      context.fillStyle = kit.colour("ink");
      context.fillText(name, x, y);
    });
  }

  const show = kit.once(kit.root, () => {
    const answer = decode(z);
    drawn.show(answer);
    const { index, distance } = nearest(...z);
    if (images) real.show(images[index]);
    pad.set(z);
    pad.paint();
    sliders.forEach((slider, k) => slider.set(z[k]));
    const name = classes[labels[index]];
    const lost = distance > 2 * usual;
    readout.textContent = lost
      ? "No test image has a code near here. The decoder draws all the same."
      : `Nearest code in the test set: ${name}.`;
    const at = z.map((value, k) => `${names[k]} = ${value.toFixed(1)}`).join(", ");
    live.say(`${at}. ${readout.textContent}`);
  });

  function go(point) {
    halt();
    z = [...point];
    show();
  }

  // From one class's middle to the next, slowly, until somebody takes over.
  function toggle() {
    if (stop) return halt();
    const goals = classes.map((_, c) => {
      const own = [...labels.keys()].filter((i) => labels[i] === c);
      return own.length ? own[Math.floor(own.length / 2)] : -1;
    }).filter((i) => i >= 0).map((i) => [codes[2 * i], codes[2 * i + 1]]);
    let leg = 0;
    if (kit.calm()) { // one step at a time, no motion
      leg = (toggle.leg = ((toggle.leg ?? -1) + 1) % goals.length);
      return go(goals[leg]);
    }
    walk.textContent = "Stop";
    stop = kit.animate((seconds) => {
      const goal = goals[leg % goals.length];
      const way = [0, 1].map((k) => (goal[k] - z[k]) / span[k]);
      const far = Math.hypot(...way), pace = 0.12 * seconds;
      if (far <= pace) leg += 1;
      else z = z.map((value, k) => value + (way[k] / far) * pace * span[k]);
      show();
    });
  }

  function halt() {
    if (stop) stop();
    stop = null;
    walk.textContent = "Take a walk";
  }

  kit.sprite(contents.images).then((found) => { images = found; show(); });
  show();

  return {
    evaluate: (inputs) => kit.batch(decode, inputs),
    move: go,
  };
});
