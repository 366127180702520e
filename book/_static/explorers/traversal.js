/* A slider for each code unit of a VAE, those that carry most first. The strip shows the
   chosen unit from −3 to 3 while the others stay as they are. */

LatentSpaces.explorer("traversal", (panel, contents, kit) => {
  "use strict";
  const { element } = kit;
  const { nats, order, names, norms } = contents;
  const decode = kit.network(contents.decoder);
  const codes = kit.array(contents.codes), stored = kit.array(contents.images);
  const k = nats.length, [n, height, width] = stored.shape, d = height * width;
  const images = Array.from({ length: n }, (_, i) =>
    Float32Array.from(stored.subarray(i * d, (i + 1) * d), (level) => level / 255));
  const code = (i) => Array.from(codes.subarray(i * k, (i + 1) * k));
  const reach = Math.max(4, Math.ceil(Math.max(...codes.map(Math.abs))));
  const STEPS = 7, END = 3, FIRST = 6; // pictures in the strip, its ends, open sliders

  let z = code(0), unit = order[0], seed = 0, stop = null;

  const put = (j, value) => z.map((old, i) => (i === j ? value : old));
  const signed = (value) => value.toFixed(1).replace("-", "−");
  const name = (j) => "z" + String(j + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);

  const drawn = kit.picture(height, width, { "aria-hidden": "true" });
  const real = kit.picture(height, width, { "aria-hidden": "true" });
  const realFigure = element(
    "figure", { class: "explorer-small" }, real.element,
    element("figcaption", {}, "test image"));
  const strip = kit.picture(height, width * STEPS, { "aria-hidden": "true" });
  const stripTitle = element("p", { "aria-hidden": "true" });
  const mark = element("span");
  const readout = element("p", { class: "explorer-readout", "aria-hidden": "true" });
  const live = kit.live();

  const sliders = order.map((j) => {
    const slider = kit.slider({
      label: `${name(j)}, ${nats[j].toFixed(1)} nats`,
      min: -reach, max: reach, value: z[j], format: signed,
      onInput: (value) => {
        unit = j;
        go(put(j, value));
      },
    });
    slider.input.addEventListener("focus", () => { unit = j; show(); });
    return { j, ...slider };
  });
  const rest = sliders.slice(FIRST).map((slider) => slider.element);
  const more = element(
    "details", { open: matchMedia("(min-width: 36rem)").matches },
    element("summary", {}, "the units that carry least"), ...rest);

  panel.append(
    element("div", { class: "explorer-traversal" },
      element("div", { class: "explorer-answers" },
        element("figure", { class: "explorer-large" }, drawn.element,
          element("figcaption", {}, "the decoder's answer")),
        realFigure),
      element("div", { class: "explorer-sliders" },
        ...sliders.slice(0, FIRST).map((slider) => slider.element),
        ...(rest.length ? [more] : [])),
      element("div", { class: "explorer-strip" },
        stripTitle, strip.element,
        element("div", { class: "explorer-strip-mark" }, mark),
        element("div", { class: "explorer-strip-ticks", "aria-hidden": "true" },
          ...Array.from({ length: STEPS }, (_, i) =>
            element("span", {}, String(i - END).replace("-", "−")))))),
    readout,
    element("div", { class: "explorer-buttons" },
      kit.button("Draw from the prior", () => {
        const draw = kit.normal((seed += 1));
        realFigure.style.visibility = "hidden";
        glide(z.map(draw));
      }),
      kit.button("All to zero", () => {
        realFigure.style.visibility = "hidden";
        glide(z.map(() => 0));
      })),
    kit.gallery({
      label: "Begin with the code of a test image", images, height, width, names,
      onInput: begin,
    }).element,
    live.element);

  function begin(index) {
    real.show(images[index]);
    realFigure.style.visibility = "visible";
    glide(code(index));
  }

  const row = new Float32Array(d * STEPS);
  const show = kit.once(kit.root, () => {
    drawn.show(decode(z));
    for (let i = 0; i < STEPS; i++) {
      const answer = decode(put(unit, i - END));
      for (let r = 0; r < height; r++)
        row.set(answer.subarray(r * width, (r + 1) * width), (r * STEPS + i) * width);
    }
    strip.show(row);
    stripTitle.textContent =
      `${name(unit)} from −${END} to ${END}, the others as they are`;
    const at = Math.min(1, Math.max(0, (z[unit] + END + 0.5) / STEPS));
    mark.style.left = `${100 * at}%`;
    for (const slider of sliders) {
      slider.set(z[slider.j]);
      slider.element.classList.toggle("is-chosen", slider.j === unit);
    }
    const norm = Math.hypot(...z);
    const [low, high] = norms;
    const verdict =
      norm < low ? "shorter than nearly all" : norm > high ? "longer than nearly all" : "like most";
    readout.textContent =
      `‖z‖ = ${norm.toFixed(1)}, ${verdict} draws from the prior: ` +
      `95% lie between ${low.toFixed(1)} and ${high.toFixed(1)}.`;
    live.say(`${name(unit)} = ${signed(z[unit])}. ${readout.textContent}`);
  });

  function go(point) {
    if (stop) stop();
    stop = null;
    z = [...point];
    show();
  }

  // A short way there, so that one sees what turns into what.
  function glide(goal) {
    if (kit.calm()) return go(goal);
    if (stop) stop();
    const from = [...z];
    let share = 0;
    stop = kit.animate((seconds) => {
      share = Math.min(1, share + seconds / 0.6);
      const ease = share * share * (3 - 2 * share);
      z = from.map((value, j) => value + ease * (goal[j] - value));
      show();
      return share < 1;
    });
  }

  kit.across(strip.element, (share) => {
    go(put(unit, Math.min(END, Math.max(-END, share * STEPS - END - 0.5))));
  });

  real.show(images[0]);
  show();

  return {
    evaluate: (inputs) => kit.batch(decode, inputs),
    move: go,
  };
});
