/* A clean image, noise as strong as one likes, and a trained denoiser's answer. The
   diagram shows what the denoiser gains or spoils with this image at every level. */

LatentSpaces.explorer("denoiser", (panel, contents, kit) => {
  "use strict";
  const { element } = kit;
  const { names, highest, trained_at: trainedAt } = contents;
  const denoise = kit.network(contents.denoiser);
  const stored = kit.array(contents.images);
  const [n, height, width] = stored.shape;
  const d = height * width;
  const images = Array.from({ length: n }, (_, i) =>
    Float32Array.from(stored.subarray(i * d, (i + 1) * d), (level) => level / 255));
  const STEPS = 30; // levels at which the curve is computed
  const LEAST = 5, MOST = 35; // decibels that the diagram shows
  const LEFT = 48, RIGHT = 12; // its margins

  let chosen = 0, seed = 0, sigma = trainedAt, times = 1;
  let noise, answer, curve, stop = null;

  const clip = (v) => (v < 0 ? 0 : v > 1 ? 1 : v);
  const spoil = (level) => images[chosen].map((v, i) => clip(v + level * noise[i]));
  const clean = (x) => denoise(x, [1, height, width]).map(clip);
  function psnr(x) {
    let sum = 0;
    for (let i = 0; i < d; i++) sum += (x[i] - images[chosen][i]) ** 2;
    return 10 * Math.log10(d / sum); // infinite without an error
  }

  const pictures = ["clean", "noisy", "denoised"].map((name) => {
    const { element: drawn, show } = kit.picture(height, width, { "aria-hidden": "true" });
    const note = element("figcaption", {}, name);
    return { show, note, element: element("figure", {}, drawn, note) };
  });
  const readout = element("p", { class: "explorer-readout", "aria-hidden": "true" });
  const live = kit.live();
  const chart = kit.canvas({ class: "explorer-plot explorer-chart", "aria-hidden": "true" }, draw);
  const slider = kit.slider({
    label: "noise σ", min: 0, max: highest, value: sigma,
    format: (value) => value.toFixed(2), onInput: go,
  });
  const again = kit.button("Denoise again", () => {
    times += 1;
    answer = clean(answer);
    show();
  });
  panel.append(
    element("div", { class: "explorer-row" }, ...pictures.map((p) => p.element)),
    readout,
    element("div", { class: "explorer-controls" },
      slider.element,
      element("div", { class: "explorer-buttons" }, again,
        kit.button("Fresh noise", () => { seed += 1; renew(); }))),
    chart.element,
    kit.gallery({
      label: "Another image", images, height, width, names,
      onInput: (index) => { chosen = index; renew(); },
    }).element,
    live.element);

  const decibels = (value) => `${value.toFixed(1)} dB`;
  const fresh = () => { answer = null; times = 1; };

  const show = kit.once(kit.root, () => {
    const noisy = spoil(sigma);
    if (!answer) answer = clean(noisy);
    [images[chosen], noisy, answer].forEach((x, i) => pictures[i].show(x));
    const before = psnr(noisy), after = psnr(answer);
    const often = `denoised${["", "", " twice"][times] ?? ` ${times} times`}`;
    pictures[2].note.textContent = often;
    if (before === Infinity) {
      readout.textContent =
        `There is no noise to take away, and yet: ${often} ${decibels(after)}.`;
    } else {
      const factor = 10 ** ((before - after) / 10); // of the squared error
      const verdict = factor < 1
        ? `${Math.round(100 * (1 - factor))}% of the squared error is gone`
        : `the squared error is ${factor.toFixed(1)} times as large`;
      readout.textContent =
        `Noisy ${decibels(before)}, ${often} ${decibels(after)}: ${verdict}.`;
    }
    slider.set(sigma);
    chart.paint();
    live.say(`${names[chosen]}, σ = ${sigma.toFixed(2)}. ${readout.textContent}`);
  });

  function draw(context, w, h) {
    const left = LEFT, right = w - RIGHT, top = 8, bottom = h - 40;
    const across = (level) => left + ((right - left) * level) / highest;
    const up = (value) =>
      bottom - ((bottom - top) * (Math.min(value, 99) - LEAST)) / (MOST - LEAST);
    const ink = kit.colour("ink"), accent = kit.colour("accent");
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = ink;
    context.strokeStyle = kit.colour("line");
    context.lineWidth = 1;
    const line = (...points) => {
      context.beginPath();
      points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
    };
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let value = 10; value < MOST; value += 10) {
      line([left, up(value)], [right, up(value)]);
      context.fillText(`${value} dB`, left - 6, up(value));
    }
    context.textBaseline = "top";
    context.textAlign = "center";
    for (let tick = 0; tick <= highest + 1e-9; tick += 0.1)
      context.fillText(tick ? tick.toFixed(1) : "0", across(tick), bottom + 4);
    context.fillText("noise level σ at the test", (left + right) / 2, bottom + 21);

    context.save();
    context.beginPath();
    context.rect(left, top - 4, right - left + 4, bottom - top + 8);
    context.clip();
    context.setLineDash([2, 4]);
    context.strokeStyle = ink;
    line([across(trainedAt), top], [across(trainedAt), bottom]);
    context.textAlign = "left";
    context.textBaseline = "bottom";
    context.fillText("training", across(trainedAt) + 5, bottom - 2);
    context.lineWidth = 2;
    context.setLineDash([6, 4]);
    if (curve) line(...curve.noisy.map((value, i) => [across((highest * i) / STEPS), up(value)]));
    context.setLineDash([]);
    context.strokeStyle = accent;
    if (curve) line(...curve.denoised.map((value, i) => [across((highest * i) / STEPS), up(value)]));
    if (answer) {
      for (const [value, fill] of [[psnr(spoil(sigma)), kit.colour("ground")], [psnr(answer), accent]]) {
        context.beginPath();
        context.arc(across(sigma), up(value), 5, 0, 2 * Math.PI);
        context.fillStyle = fill;
        context.strokeStyle = fill === accent ? accent : ink;
        context.fill();
        context.stroke();
      }
    }
    context.restore();

    context.textBaseline = "middle";
    context.textAlign = "right";
    context.fillStyle = kit.colour("ground");
    context.fillRect(right - 140, top, 140, 36);
    context.fillStyle = ink;
    ["denoised once", "noisy"].forEach((name, i) => {
      const y = top + 8 + 18 * i;
      context.fillText(name, right - 36, y);
      context.lineWidth = 2;
      context.strokeStyle = i ? ink : accent;
      context.setLineDash(i ? [6, 4] : []);
      line([right - 28, y], [right, y]);
    });
    context.setLineDash([]);
  }

  // One level a frame, so that the hand never waits for the curve.
  function renew() {
    if (stop) stop();
    const draw = kit.normal(seed);
    noise = Float32Array.from({ length: d }, draw);
    curve = { noisy: [], denoised: [] };
    stop = kit.animate(() => {
      const x = spoil((highest * curve.noisy.length) / STEPS);
      curve.noisy.push(psnr(x));
      curve.denoised.push(psnr(clean(x)));
      chart.paint();
      return curve.noisy.length <= STEPS;
    });
    fresh();
    show();
  }

  function go(level) {
    sigma = level;
    fresh();
    show();
  }

  kit.across(chart.element, (share) => {
    const { clientWidth: wide } = chart.element;
    go(highest * clip((share * wide - LEFT) / (wide - LEFT - RIGHT)));
  });
  renew();

  return {
    evaluate: (inputs) =>
      kit.batch((x) => denoise(x, [1, height, width]), inputs),
    move: go,
  };
});
