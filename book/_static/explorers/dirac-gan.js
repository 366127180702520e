/* The smallest GAN: one number each for generator and discriminator. The field in which
   both descend their losses, and the path of finite steps from where the reader starts. */

LatentSpaces.explorer("dirac-gan", (panel, contents, kit) => {
  "use strict";
  const { element, written } = kit;
  const { reach, steps } = contents;
  let start = [...contents.start], gamma = contents.gamma, rate = contents.rate;
  let saturating = true, path = [], shown = Infinity, stop = null;

  const sigmoid = (v) => 1 / (1 + Math.exp(-v));

  /** Where generator and discriminator want to go. */
  function push(theta, psi) {
    const a = psi * theta;
    return [
      psi * sigmoid(saturating ? a : -a),
      -theta * sigmoid(a) - gamma * psi,
    ];
  }

  function walk([theta, psi]) {
    const found = [[theta, psi]];
    for (let i = 0; i < steps; i++) {
      const [u, v] = push(theta, psi);
      [theta, psi] = [theta + rate * u, psi + rate * v];
      found.push([theta, psi]);
    }
    return found;
  }

  const pad = kit.pad({
    low: [-reach, -reach], high: [reach, reach], value: start,
    draw: drawField, over: drawPath, onInput: go,
  });
  const readout = element("p", { class: "explorer-readout", "aria-hidden": "true" });
  const live = kit.live();
  const axes = ["generator θ", "discriminator ψ"].map((label, k) =>
    kit.slider({
      label, min: -reach, max: reach, value: start[k], format: (v) => written(v, 2),
      onInput: (value) => go(k ? [start[0], value] : [value, start[1]]),
    }));
  const controls = [
    kit.slider({
      label: "penalty γ", min: 0, max: 2, step: 0.05, value: gamma,
      format: (v) => written(v, 2), onInput: (v) => { gamma = v; renew(); },
    }),
    kit.slider({
      label: "step size η", min: 0.02, max: 0.5, step: 0.02, value: rate,
      format: (v) => written(v, 2), onInput: (v) => { rate = v; renew(); },
    }),
  ];
  const loss = kit.choice({
    label: "Generator's loss:", choices: ["min-max", "non-saturating"],
    onInput: (i) => { saturating = i === 0; renew(); },
  });
  const run = kit.button("Watch the steps", toggle);

  panel.append(
    element("div", { class: "explorer-columns" },
      element("div", { class: "explorer-plane" }, pad.element)),
    readout,
    element("div", { class: "explorer-controls" },
      ...[...axes, ...controls].map((slider) => slider.element), loss.element,
      element("div", { class: "explorer-buttons" }, run)),
    live.element);

  function drawField(context, place, w, h) {
    const n = w < 320 ? 13 : 17, length = (0.62 * w) / n;
    context.strokeStyle = context.fillStyle = kit.colour("faint");
    context.lineWidth = 1.25;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const at = [i, j].map((k) => reach * ((2 * (k + 0.5)) / n - 1));
        const [u, v] = push(...at), norm = Math.hypot(u, v) || 1;
        const [x, y] = place(...at);
        const dx = (u / norm) * length / 2, dy = (-v / norm) * length / 2;
        context.beginPath();
        context.moveTo(x - dx, y - dy);
        context.lineTo(x + dx, y + dy);
        context.stroke();
        context.beginPath(); // the head
        context.moveTo(x + dx * 1.3, y + dy * 1.3);
        context.lineTo(x + dx * 0.5 - dy * 0.4, y + dy * 0.5 + dx * 0.4);
        context.lineTo(x + dx * 0.5 + dy * 0.4, y + dy * 0.5 - dx * 0.4);
        context.fill();
      }
    const [x, y] = place(0, 0);
    context.strokeStyle = context.fillStyle = kit.colour("ink");
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x - 7, y); context.lineTo(x + 7, y);
    context.moveTo(x, y - 7); context.lineTo(x, y + 7);
    context.stroke();
    context.font = "600 13px system-ui, sans-serif";
    label(context, "θ: where the generator is →", w - 8, h - 14, "right");
    context.save();
    context.rotate(-Math.PI / 2);
    label(context, "ψ: the discriminator's slope →", -8, 14, "right");
    context.restore();
  }

  function label(context, text, x, y, align) {
    context.textAlign = align;
    context.textBaseline = "middle";
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = kit.colour("soft");
    context.strokeText(text, x, y);
    context.fillStyle = kit.colour("ink");
    context.fillText(text, x, y);
  }

  function drawPath(context, place) {
    const last = Math.min(path.length - 1, Math.floor(shown));
    context.strokeStyle = context.fillStyle = kit.colour("accent");
    context.lineWidth = 2;
    context.beginPath();
    for (let i = 0; i <= last; i++) context.lineTo(...place(...path[i]));
    context.stroke();
    const [x, y] = place(...path[last]);
    context.fillRect(x - 5, y - 5, 10, 10);
  }

  const show = kit.once(kit.root, () => {
    path = walk(start);
    pad.set(start);
    pad.paint();
    axes.forEach((slider, k) => slider.set(start[k]));
    const from = Math.hypot(...start), to = Math.hypot(...path[steps]);
    const verdict = to > from * 1.02 ? "it has moved away"
      : to < 0.02 ? "it has arrived"
      : to < from * 0.98 ? "it has come nearer" : "it goes in circles";
    readout.textContent = `After ${steps} steps: from ${written(from, 2)} to ` +
      `${written(to, to < 0.01 ? 4 : 2)} from the solution; ${verdict}.`;
    live.say(readout.textContent);
  });

  function go(point) {
    halt();
    start = [...point];
    show();
  }

  function renew() {
    halt();
    pad.renew();
    show();
  }

  function toggle() {
    if (stop) return halt(true);
    if (kit.calm()) return show();
    shown = 0;
    run.textContent = "Stop";
    stop = kit.animate((seconds) => {
      shown += 60 * seconds;
      pad.paint();
      if (shown < steps) return true;
      halt(true);
      return false;
    });
  }

  function halt(paint) {
    if (stop) stop();
    stop = null;
    shown = Infinity;
    run.textContent = "Watch the steps";
    if (paint) pad.paint();
  }

  show();

  return {
    // γ as input, the whole path from the chapter's start as output.
    evaluate: (inputs) => Array.from(inputs, (value) => {
      const kept = [gamma, rate, saturating];
      [gamma, rate, saturating] = [value, contents.rate, true];
      const found = walk(contents.start).flat();
      [gamma, rate, saturating] = kept;
      return found;
    }),
    move: go,
  };
});
