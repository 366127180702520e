/* What the book's explorers share: a small feed-forward network, a pad, sliders, pictures,
   and the frame around them. Plain JavaScript without dependencies, loaded from disk as
   well as from a server. A kind of explorer is a file beside this one that calls

     LatentSpaces.explorer("kind", (panel, contents, kit) => ({ evaluate }));

   `panel` is the element to fill, `contents` what latentspaces/explorers/ has written,
   `kit` what this file offers. `evaluate(inputs)` answers as the model does, for the test
   that compares the page with PyTorch. */

window.LatentSpaces = window.LatentSpaces || {};

(() => {
  "use strict";

  // --- numbers ---------------------------------------------------------------------

  const TYPES = { f4: Float32Array, u1: Uint8Array, i1: Int8Array, i2: Int16Array };

  function bytes(base64) {
    const text = atob(base64);
    const found = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i);
    return found;
  }

  /** A typed array, with its `shape`, from what `explorers.array` has written. */
  function array(field) {
    const found = new TYPES[field.type](bytes(field.data).buffer);
    found.shape = field.shape;
    return found;
  }

  // --- a network -------------------------------------------------------------------

  const ACTIVATIONS = {
    relu: (v) => (v > 0 ? v : 0),
    sigmoid: (v) => 1 / (1 + Math.exp(-v)),
    silu: (v) => v / (1 + Math.exp(-v)),
    tanh: Math.tanh,
  };

  /** The matrix as 32-bit numbers, and the bias (zeros where there is none). */
  function parameters(layer) {
    const [rows, columns] = layer.shape;
    const stored = array(layer.weight);
    const weight = Float32Array.from(stored);
    if (layer.scale) {
      const scale = array(layer.scale);
      for (let i = 0; i < weight.length; i++)
        weight[i] *= scale[Math.floor(i / columns)];
    }
    const bias = layer.bias ? array(layer.bias) : new Float32Array(rows);
    return { rows, columns, weight, bias };
  }

  const LAYERS = {
    linear(layer) {
      const { rows, columns, weight, bias } = parameters(layer);
      const out = new Float32Array(rows);
      return ({ x }) => {
        for (let i = 0, at = 0; i < rows; i++) {
          let sum = bias[i];
          for (let j = 0; j < columns; j++) sum += weight[at++] * x[j];
          out[i] = sum;
        }
        return { x: out, shape: [rows] };
      };
    },

    conv(layer) {
      const { rows, columns, weight, bias } = parameters(layer);
      const k = layer.size, pad = (k - 1) / 2, inputs = columns / (k * k);
      let out, padded;

      // Adds what the weights from `at` on make of one padded plane to the output.
      function every(at, plane, base, height, width) {
        const wide = width + 2 * pad;
        for (let u = 0; u < k; u++)
          for (let v = 0; v < k; v++) {
            const w = weight[at++];
            for (let r = 0, to = base; r < height; r++) {
              let from = plane + (r + u) * wide + v;
              for (const end = to + width; to < end; ) out[to++] += w * padded[from++];
            }
          }
      }

      // The same for 3 × 3, with the nine weights at hand: three times as fast.
      function nine(at, plane, base, height, width) {
        const a = weight[at], b = weight[at + 1], c = weight[at + 2];
        const d = weight[at + 3], e = weight[at + 4], f = weight[at + 5];
        const g = weight[at + 6], h = weight[at + 7], i = weight[at + 8];
        const wide = width + 2;
        for (let r = 0, to = base; r < height; r++) {
          let p = plane + r * wide, q = p + wide, s = q + wide;
          for (const end = to + width; to < end; p++, q++, s++)
            out[to++] +=
              a * padded[p] + b * padded[p + 1] + c * padded[p + 2] +
              d * padded[q] + e * padded[q + 1] + f * padded[q + 2] +
              g * padded[s] + h * padded[s + 1] + i * padded[s + 2];
        }
      }

      return ({ x, shape }) => {
        const [, height, width] = shape;
        const wide = width + 2 * pad, high = height + 2 * pad;
        const area = height * width;
        if (!out || out.length !== rows * area) {
          out = new Float32Array(rows * area);
          padded = new Float32Array(inputs * high * wide); // zeros at the border stay
        }
        for (let c = 0; c < inputs; c++)
          for (let r = 0; r < height; r++)
            padded.set(
              x.subarray(c * area + r * width, c * area + (r + 1) * width),
              (c * high + r + pad) * wide + pad,
            );
        const sum = k === 3 ? nine : every;
        for (let o = 0; o < rows; o++) {
          const base = o * area;
          out.fill(bias[o], base, base + area);
          for (let c = 0; c < inputs; c++)
            sum(o * columns + c * k * k, c * high * wide, base, height, width);
        }
        return { x: out, shape: [rows, height, width] };
      };
    },

    // (c·f², h, w) to (c, h·f, w·f), as torch.nn.PixelShuffle orders it.
    shuffle({ factor }) {
      let out;
      return ({ x, shape: [channels, height, width] }) => {
        out = out || new Float32Array(x.length);
        const c = channels / (factor * factor), W = width * factor;
        for (let i = 0, at = 0; i < channels; i++) {
          const plane = Math.floor(i / (factor * factor));
          const u = Math.floor(i / factor) % factor, v = i % factor;
          for (let r = 0; r < height; r++)
            for (let s = 0; s < width; s++)
              out[(plane * height * factor + r * factor + u) * W + s * factor + v] = x[at++];
        }
        return { x: out, shape: [c, height * factor, W] };
      };
    },

    unshuffle({ factor }) {
      let out;
      return ({ x, shape: [channels, height, width] }) => {
        out = out || new Float32Array(x.length);
        const h = height / factor, w = width / factor, c = channels * factor * factor;
        for (let i = 0, at = 0; i < c; i++) {
          const plane = Math.floor(i / (factor * factor));
          const u = Math.floor(i / factor) % factor, v = i % factor;
          for (let r = 0; r < h; r++)
            for (let s = 0; s < w; s++)
              out[at++] = x[(plane * height + r * factor + u) * width + s * factor + v];
        }
        return { x: out, shape: [c, h, w] };
      };
    },

    skip({ body }) {
      const run = chain(body);
      return ({ x, shape }) => {
        const kept = Float32Array.from(x);
        const answer = run({ x, shape });
        for (let i = 0; i < kept.length; i++) kept[i] += answer.x[i];
        return { x: kept, shape };
      };
    },

    shape: ({ shape }) => ({ x }) => ({ x, shape: shape || [x.length] }),
  };

  function activation(compute) {
    let out;
    return ({ x, shape }) => {
      if (!out || out.length !== x.length) out = new Float32Array(x.length);
      for (let i = 0; i < x.length; i++) out[i] = compute(x[i]);
      return { x: out, shape };
    };
  }

  function chain(layers) {
    const steps = layers.map((layer) => {
      if (layer.op === "leaky")
        return activation((v) => (v > 0 ? v : v * layer.slope));
      if (ACTIVATIONS[layer.op]) return activation(ACTIVATIONS[layer.op]);
      return LAYERS[layer.op](layer);
    });
    return (state) => steps.reduce((now, step) => step(now), state);
  }

  /** A function from one input (numbers, and their shape unless flat) to one output. The
      output is used again by the next call: copy what is to be kept. */
  function network(layers) {
    const run = chain(layers);
    return (x, shape) =>
      run({ x: Float32Array.from(x), shape: shape || [x.length] }).x;
  }

  /** Answers for a batch, one after the other: what `evaluate` of an explorer gives. */
  function batch(model, inputs, shape) {
    const each = inputs.length / inputs.shape[0];
    return Array.from({ length: inputs.shape[0] }, (_, i) =>
      Array.from(model(inputs.subarray(i * each, (i + 1) * each), shape)),
    );
  }

  // --- elements --------------------------------------------------------------------

  function element(name, attributes = {}, ...children) {
    const found = document.createElement(name);
    for (const [key, value] of Object.entries(attributes))
      if (value === true) found.setAttribute(key, "");
      else if (value !== false && value != null) found.setAttribute(key, value);
    found.append(...children);
    return found;
  }

  /** A canvas that is as sharp as the screen, drawn again when its size or the theme
      changes. `draw(context, width, height)` works in CSS pixels. */
  function canvas(attributes, draw) {
    const found = element("canvas", attributes);
    const context = found.getContext("2d");
    let width = 0, height = 0;
    function paint() {
      if (!width || !height) return;
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const w = Math.round(width * ratio), h = Math.round(height * ratio);
      if (found.width !== w || found.height !== h) [found.width, found.height] = [w, h];
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      draw(context, width, height);
    }
    new ResizeObserver(() => {
      ({ clientWidth: width, clientHeight: height } = found);
      paint();
    }).observe(found);
    themed.push(paint);
    return { element: found, paint };
  }

  const themed = [];
  new MutationObserver(() => themed.forEach((paint) => paint())).observe(
    document.documentElement,
    { attributes: true, attributeFilter: ["data-theme"] },
  );

  /** A colour of the book by its name in the style sheet, such as "ink" or "ground". */
  function colour(name) {
    const style = getComputedStyle(document.documentElement);
    return style.getPropertyValue(`--explorer-${name}`).trim() || "#808080";
  }

  const LIGHTER = {
    "#000000": "#FFFFFF", "#0072B2": "#3D9FDB", "#6B3E1D": "#B98A66", "#7F7F7F": "#A8A8A8",
  };

  /** One of the palette's colours, the dark ones made light where the ground is dark. */
  function tint(hex) {
    const dark = document.documentElement.dataset.theme === "dark";
    return (dark && LIGHTER[hex]) || hex;
  }

  /** A grey picture, black 0 to white 1. `show(values)` draws it. */
  function picture(height, width, attributes = {}) {
    const found = element("canvas", { width, height, class: "explorer-picture", ...attributes });
    const context = found.getContext("2d");
    const image = context.createImageData(width, height);
    image.data.fill(255);
    function show(values) {
      for (let i = 0; i < values.length; i++) {
        const grey = values[i] * 255;
        image.data[4 * i] = image.data[4 * i + 1] = image.data[4 * i + 2] = grey;
      }
      context.putImageData(image, 0, 0);
    }
    return { element: found, show };
  }

  /** The pictures of `explorers.sprite`, as numbers from 0 to 1, once they are decoded. */
  async function sprite({ shape: [n, height, width], png }) {
    const file = new Image();
    file.src = `data:image/png;base64,${png}`;
    await file.decode();
    const drawn = element("canvas", { width, height: n * height });
    const context = drawn.getContext("2d", { willReadFrequently: true });
    context.drawImage(file, 0, 0);
    const levels = context.getImageData(0, 0, width, n * height).data;
    const all = new Float32Array(n * height * width);
    for (let i = 0; i < all.length; i++) all[i] = levels[4 * i] / 255;
    const each = height * width;
    return Array.from({ length: n }, (_, i) => all.subarray(i * each, (i + 1) * each));
  }

  let named = 0;

  /** A native slider with a label and its value in words.
      `options`: label, min, max, step, value, format(value), onInput(value). */
  function slider(options) {
    const { label, min, max, step = "any", format = String, onInput } = options;
    const id = `explorer-slider-${named++}`;
    const input = element("input", { type: "range", id, min, max, step });
    const output = element("output", { for: id });
    const found = element(
      "div", { class: "explorer-slider" },
      element("label", { for: id }, label), input, output,
    );
    function say() {
      const words = format(+input.value);
      output.textContent = words;
      input.setAttribute("aria-valuetext", words);
    }
    // The smallest step would be the browser's own choice, a hundredth of nothing.
    if (step === "any")
      input.addEventListener("keydown", (event) => {
        const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1,
          PageUp: 10, PageDown: -10 }[event.key];
        if (!way) return;
        event.preventDefault();
        set(+input.value + (way * (max - min)) / 50);
        onInput(+input.value);
      });
    input.addEventListener("input", () => {
      say();
      onInput(+input.value);
    });
    function set(value) {
      input.value = value;
      say();
    }
    set(options.value);
    return { element: found, input, set, get value() { return +input.value; } };
  }

  /** Radio buttons in a row. `options`: label, choices, value, onInput(index). */
  function choice({ label, choices, value = 0, onInput }) {
    const name = `explorer-choice-${named++}`;
    const found = element("fieldset", { class: "explorer-choice" }, element("legend", {}, label));
    choices.forEach((text, i) => {
      const input = element("input", { type: "radio", name, checked: i === value });
      // Keys cause a click as well; and one may click again on what is chosen.
      input.addEventListener("click", () => onInput(i));
      found.append(element("label", {}, input, element("span", {}, text)));
    });
    return { element: found };
  }

  /** Small pictures to choose from, as radio buttons. `options`: label, images (numbers
      from 0 to 1 each), height, width, names, value, onInput(index). */
  function gallery({ images, height, width, names, ...options }) {
    const choices = images.map((image, i) => {
      const small = picture(height, width, { role: "img", "aria-label": names[i] });
      small.show(image);
      return small.element;
    });
    const found = choice({ ...options, choices }).element;
    found.classList.add("explorer-gallery");
    found.querySelectorAll("label").forEach((label, i) => { label.title = names[i]; });
    return { element: found };
  }

  function button(text, onClick) {
    const found = element("button", { type: "button", class: "explorer-button" }, text);
    found.addEventListener("click", onClick);
    return found;
  }

  /** Calls `move(x, y, width, height, begins)`, in pixels from the element's corner, where
      a finger or a mouse begins and while it drags. */
  function drag(found, move) {
    function tell(event) {
      const box = found.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      move(x, y, box.width, box.height, event.type === "pointerdown");
    }
    found.addEventListener("pointerdown", (event) => {
      found.setPointerCapture(event.pointerId);
      tell(event);
    });
    found.addEventListener("pointermove", (event) => {
      if (found.hasPointerCapture(event.pointerId)) tell(event);
    });
  }

  /** A drawing surface that a finger or a mouse moves a point on.
      `options`: low, high (corners of the plane), value, onInput([a, b]), draw(context,
      place, w, h) for what stays until `renew`, over(...) the same for what moves.
      `place(a, b)` gives pixels. Keyboards use the sliders beside it. */
  function pad({ low, high, value, draw, over, onInput }) {
    let now = [...value];
    const place = (w, h) => (a, b) => [
      ((a - low[0]) / (high[0] - low[0])) * w,
      ((high[1] - b) / (high[1] - low[1])) * h,
    ];
    // What does not move is drawn once and kept.
    const still = element("canvas");
    const surface = canvas(
      { class: "explorer-pad", "aria-hidden": "true" },
      (context, w, h) => {
        const ratio = context.canvas.width / w;
        const style = document.documentElement.dataset.theme;
        const key = `${context.canvas.width} ${context.canvas.height} ${style}`;
        if (still.dataset.key !== key) {
          [still.width, still.height] = [context.canvas.width, context.canvas.height];
          still.dataset.key = key;
          const quiet = still.getContext("2d");
          quiet.setTransform(ratio, 0, 0, ratio, 0, 0);
          draw(quiet, place(w, h), w, h);
        }
        context.drawImage(still, 0, 0, w, h);
        if (over) over(context, place(w, h), w, h);
        const [x, y] = place(w, h)(...now);
        for (const [radius, width, ink] of [[9, 5, "ground"], [9, 2.5, "ink"]]) {
          context.lineWidth = width;
          context.strokeStyle = colour(ink);
          context.beginPath();
          context.arc(x, y, radius, 0, 2 * Math.PI);
          context.stroke();
        }
      },
    );
    const found = surface.element;
    const share = (v, length) => Math.min(1, Math.max(0, v / length));
    drag(found, (x, y, w, h) =>
      onInput([
        low[0] + share(x, w) * (high[0] - low[0]),
        high[1] - share(y, h) * (high[1] - low[1]),
      ]));
    return {
      element: found,
      set(point) { now = [...point]; },
      paint: surface.paint,
      renew() { still.dataset.key = ""; },
    };
  }

  /** Sideways over an element: `onInput(share)`, 0 at its left end and 1 at its right.
      A finger that goes up or down scrolls the page (`touch-action: pan-y`). */
  function across(found, onInput) {
    function move(event) {
      const { left, width } = found.getBoundingClientRect();
      onInput(Math.min(1, Math.max(0, (event.clientX - left) / width)));
    }
    let start = null; // where a finger came down that may be about to scroll
    found.addEventListener("pointerdown", (event) => {
      found.setPointerCapture(event.pointerId);
      start = event.pointerType === "touch" ? event : null;
      if (!start) move(event);
    });
    found.addEventListener("pointermove", (event) => {
      if (!found.hasPointerCapture(event.pointerId)) return;
      const down = start ? Math.abs(event.clientY - start.clientY) : 0;
      if (start && Math.abs(event.clientX - start.clientX) <= down) return;
      start = null;
      move(event);
    });
    found.addEventListener("pointerup", (event) => { if (start) move(event); });
  }

  /** A region that says for screen readers what has changed, once the hand is still. */
  function live() {
    const found = element("p", { class: "explorer-live", "aria-live": "polite" });
    let timer;
    return {
      element: found,
      say(text) {
        clearTimeout(timer);
        timer = setTimeout(() => { found.textContent = text; }, 500);
      },
    };
  }

  /** Calls `update` at most once a frame, however often it is asked for. */
  function once(root, update) {
    let waiting = false;
    return () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        const started = performance.now();
        update();
        // For `make bench`: milliseconds that the page worked for a frame.
        root.explorer?.work?.push(performance.now() - started);
      });
    };
  }

  /** Calls `step(seconds)` each frame until it answers false; returns how to stop it. */
  function animate(step) {
    let last, handle, going = true;
    function frame(now) {
      const seconds = last === undefined ? 0 : Math.min(0.1, (now - last) / 1000);
      last = now;
      going = going && step(seconds) !== false;
      if (going) handle = requestAnimationFrame(frame);
    }
    handle = requestAnimationFrame(frame);
    return () => { going = false; cancelAnimationFrame(handle); };
  }

  /** Whether the reader has asked for less motion: then nothing moves by itself. */
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** Normal random numbers from a seed, the same in every browser. */
  function normal(seed) {
    let state = seed >>> 0;
    const uniform = () => { // mulberry32
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    return () =>
      Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  /** A number as the book writes it. */
  const written = (value, digits = 1) => value.toFixed(digits).replace("-", "−");

  // --- bringing them to life -------------------------------------------------------

  const KIT = {
    across, animate, array, batch, button, calm, canvas, choice, colour, drag, element, gallery,
    live, network, normal, once, pad, picture, slider, sprite, tint, written,
  };
  const kinds = {};

  function mount(root) {
    const begin = kinds[root.dataset.explorer];
    if (!begin || root.explorer) return;
    const contents = JSON.parse(
      root.querySelector("script[type='application/json']").textContent,
    );
    const id = `explorer-title-${named++}`;
    const panel = element("div", { class: "explorer-panel" });
    const title = element("p", { class: "explorer-title", id }, root.dataset.title);
    const frame = element(
      "div", { class: "explorer-live-part", role: "group", "aria-labelledby": id },
      title, panel,
    );
    root.explorer = { contents, work: [] };
    Object.assign(root.explorer, begin(panel, contents, { ...KIT, root }));
    root.append(frame);
    root.classList.add("is-live");
  }

  function mountAll() {
    document.querySelectorAll(".explorer[data-explorer]").forEach(mount);
  }

  LatentSpaces.explorer = (kind, begin) => {
    kinds[kind] = begin;
    mountAll();
  };
})();
