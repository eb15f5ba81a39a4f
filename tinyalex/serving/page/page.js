/* The page of the service: pictures go in, answers come out. Text from outside is only ever set as text. */
(() => {
  "use strict";
  const PATIENCE = 120_000, TRIES = 5, LISTED = 60; // milliseconds; requests to a busy service; classes in the list
  const find = (id) => document.getElementById(id);
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
  const kept = (text) => text.replaceAll(" %", "\u00a0%"); // no new line before a sign
  const percent = (p) => kept(p < 0.01 ? "<\u00a01 %" : p > 0.99 ? ">\u00a099 %" : `${Math.round(100 * p)} %`);
  const short = (label) => label.split(",")[0].trim(); // the first of a class's names

  // ------------------------------------------------------------------ the service
  let token = "", asking = null;

  const ask = (refused) => (asking ??= new Promise((done) => {
    const form = find("token-form"), input = find("token");
    form.hidden = false;
    find("token-note").textContent = refused ? "That is not its token." : "It is kept until you leave this page.";
    input.focus();
    form.onsubmit = (event) => {
      event.preventDefault();
      token = input.value.trim();
      form.reset();
      form.hidden = true;
      asking = null;
      find("file").focus();
      done();
    };
  }));

  const fetched = async (path, options) => {
    const headers = token ? { ...options.headers, Authorization: `Bearer ${token}` } : options.headers;
    try {
      return await fetch(path, { ...options, headers, signal: AbortSignal.timeout(PATIENCE) });
    } catch (error) {
      throw new Error(error.name === "TimeoutError" ? "the service takes too long" : "the service does not answer");
    }
  };

  /* What the service answers, or an Error of one line. While the service is busy, it is asked again. */
  const call = async (path, options = {}) => {
    for (let tries = 1; ; ) {
      const used = token, reply = await fetched(path, options);
      if (reply.status === 401) {
        if (used === token) await ask(used !== "");
        continue;
      }
      const content = await reply.json().catch(() => null);
      if (reply.ok && content) return content;
      const wait = Number(reply.headers.get("Retry-After"));
      if (reply.status !== 503 || !wait || ++tries > TRIES)
        throw new Error(content?.error ?? `the service answers with error ${reply.status}`);
      await pause(Math.min(wait, 10));
    }
  };
  const post = (path, type, body) => call(path, { method: "POST", headers: { "Content-Type": type }, body });

  // ------------------------------------------------------------------ pictures, one after the other
  // a look: {file, name, url, button, answer | error, truth, saved, explanation | blocked}
  let shown = null, queue = Promise.resolve();

  const stateOf = (look) => (!look ? "empty" : look.error ? "error" : !look.answer ? "busy" : look.answer.sure ? "sure" : "unsure");

  const add = (files) => {
    const looks = [...files].map((file) => ({ file, name: file.name || "the picture", url: URL.createObjectURL(file) }));
    for (const look of looks) {
      look.button = make("button", { type: "button", onclick: () => show(look) });
      look.button.append(make("img", { src: look.url, alt: "", loading: "lazy", onerror() { this.remove(); } }), make("span", { className: "mark" }));
      find("strip").append(make("li", {}, look.button));
      mark(look);
      queue = queue.then(() => classify(look));
    }
    if (looks.length) show(looks[0]);
  };

  const contentOf = async (look) => {
    try {
      return await look.file.arrayBuffer();
    } catch {
      throw new Error("this file cannot be read");
    }
  };
  const send = async (path, look) => post(path, look.file.type || "application/octet-stream", await contentOf(look));

  const classify = async (look) => {
    try {
      const found = await send("classify", look);
      look.answer = found.answers[0];
      tellModel(found.model, found.calibrated);
    } catch (error) {
      look.error = error.message;
    }
    mark(look);
    if (look === shown) show(look);
  };

  const MARKS = { busy: "…", sure: "✓", unsure: "?", error: "!" };
  const mark = (look) => {
    const state = stateOf(look), guess = look.answer ? `: ${short(look.answer.top[0].label)}` : "";
    look.button.dataset.state = state;
    look.button.lastChild.textContent = MARKS[state];
    look.button.setAttribute("aria-label", `${look.name}, ${WORDS[state].toLowerCase()}${guess}`);
  };

  const tellModel = (hash, calibrated) => {
    const known = calibrated ? "its probabilities are calibrated" : "its probabilities are not calibrated";
    find("model").replaceChildren("Model ", hashed(hash), `, ${known}`);
  };
  const hashed = (hash) => make("code", { textContent: hash.slice(0, 16), title: hash });

  // ------------------------------------------------------------------ the answer
  const WORDS = { empty: "No picture yet", busy: "Looking", sure: "Sure", unsure: "Not sure", error: "No answer" };
  const rows = Array.from({ length: 5 }, () => {
    const [name, share, fill] = [["name"], ["percent"], [""]].map(([className], n) => make(n < 2 ? "span" : "i", { className }));
    const item = make("li", {}, name, share, make("div", { className: "bar" }, fill));
    find("top").append(item);
    return { item, name, share, fill };
  });

  const sentence = (look) => {
    if (!look) return "Its answer will stand here.";
    if (look.error) return `${look.name}: ${look.error}`;
    return look.answer ? look.answer.text : `Looking at ${look.name} …`;
  };

  const show = (look) => {
    const other = look !== shown, state = stateOf(look), picture = find("picture");
    shown?.button.removeAttribute("aria-current");
    shown = look;
    if (other) {
      picture.src = look.url;
      picture.alt = look.name;
      look.button.setAttribute("aria-current", "true");
      look.button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    look?.button.setAttribute("aria-current", "true");
    find("answer").dataset.state = state;
    find("answer").setAttribute("aria-busy", state === "busy");
    find("state").textContent = WORDS[state];
    find("said").textContent = kept(sentence(look));
    find("reason").textContent = kept(look?.answer?.reason ? `Reason: ${look.answer.reason}` : "");
    rows.forEach(({ item, name, share, fill }, n) => {
      const guess = look?.answer?.top[n];
      item.setAttribute("aria-hidden", !guess);
      name.textContent = guess ? short(guess.label) : "\u00a0";
      share.textContent = guess ? percent(guess.probability) : "";
      fill.style.width = guess ? `${100 * guess.probability}%` : "0";
    });
    showTruth(look);
    showReasons(look);
  };

  // ------------------------------------------------------------------ what it really is
  const field = find("class"), list = find("classes");
  let classes = [], chosen = null, active = -1;

  const showTruth = (look) => {
    const open = Boolean(look?.answer);
    field.disabled = find("truth").querySelector("button").disabled = !open;
    field.value = look?.truth?.label ?? "";
    chosen = look?.truth ?? null;
    find("saved").textContent = look?.saved ?? "";
    closeList();
  };

  const closeList = () => {
    list.hidden = true;
    active = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };

  /* The classes that hold every word typed: first those that begin with it, then the network's guesses. */
  const matching = () => {
    const typed = field.value.trim().toLowerCase(), words = typed.split(/\s+/);
    const guessed = shown.answer.top.map((guess) => guess.class_id);
    const rank = ({ label, class_id }) => [
      label.toLowerCase().startsWith(typed) ? 0 : 1, guessed.includes(class_id) ? guessed.indexOf(class_id) : guessed.length,
    ];
    return classes
      .filter(({ label, class_id }) => words.every((word) => `${label} ${class_id}`.toLowerCase().includes(word)))
      .map((one) => ({ one, rank: rank(one) }))
      .sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || a.one.label.localeCompare(b.one.label))
      .map(({ one }) => one);
  };

  const openList = () => {
    const found = matching(), listed = found.slice(0, LISTED);
    const items = listed.map((one, n) => {
      const item = make("li", { id: `class-${n}`, textContent: one.label, onclick: () => choose(one) });
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      return Object.assign(item, { one });
    });
    const more = found.length - listed.length;
    const rest = !found.length ? "No class of this name" : more ? `${more} more: type to find them` : "";
    list.replaceChildren(...items, ...(rest ? [make("li", { className: "faint", textContent: rest })] : []));
    list.hidden = false;
    active = -1;
    field.setAttribute("aria-expanded", "true");
    field.removeAttribute("aria-activedescendant");
  };

  const move = (step) => {
    const items = list.querySelectorAll("[role=option]");
    if (!items.length) return;
    items[active]?.setAttribute("aria-selected", "false");
    active = active < 0 && step < 0 ? items.length - 1 : (active + step + items.length) % items.length;
    items[active].setAttribute("aria-selected", "true");
    items[active].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", items[active].id);
  };

  const choose = (one) => {
    chosen = one;
    field.value = one.label;
    closeList();
  };

  field.oninput = () => { chosen = null; openList(); };
  field.onclick = () => { if (list.hidden) openList(); };
  field.onblur = closeList;
  list.onpointerdown = (event) => event.preventDefault(); // the field keeps the focus
  field.onkeydown = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) openList();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      choose(list.children[active].one);
    } else if (event.key === "Escape") closeList();
  };

  find("truth").onsubmit = async (event) => {
    event.preventDefault();
    const look = shown, only = matching(), asked = field.value.trim().toLowerCase();
    const one = chosen ?? only.find(({ label }) => label.toLowerCase() === asked) ?? (asked && only.length === 1 ? only[0] : null);
    if (!one) {
      find("saved").textContent = "Choose one of the classes.";
      field.focus();
      return;
    }
    try {
      await post("label", "application/json", JSON.stringify({ id: look.answer.id, class_id: one.class_id }));
      look.truth = one;
      look.saved = `Saved: it is ${short(one.label)}.`;
    } catch (error) {
      look.saved = `Not saved: ${error.message}`;
    }
    if (look === shown) showTruth(look);
  };

  // ------------------------------------------------------------------ why
  const explain = find("explain"), reasons = find("reasons");

  const showReasons = (look) => {
    explain.disabled = !look?.answer;
    if (reasons.hidden) return;
    const { explanation, blocked } = look ?? {};
    reasons.dataset.state = explanation ? "shown" : blocked ? "error" : "busy";
    reasons.setAttribute("aria-busy", !explanation && !blocked);
    find("explaining").textContent = explanation ? "" : blocked ?? "Covering the picture, place by place …";
    if (explanation) draw(explanation);
    else if (look?.answer && !blocked && !look.asked) askWhy(look);
  };

  const askWhy = async (look) => {
    look.asked = true;
    try {
      look.explanation = await send("explain", look);
    } catch (error) {
      look.blocked = `No explanation: ${error.message}`;
    }
    look.asked = false;
    if (look === shown) showReasons(look);
  };

  explain.onclick = () => {
    reasons.hidden = !reasons.hidden;
    explain.setAttribute("aria-expanded", !reasons.hidden);
    if (shown) shown.blocked = null;
    if (shown?.explanation?.note) shown.explanation = null; // the training pictures may have come since
    showReasons(shown);
  };

  const draw = (found) => {
    const image = new Image();
    image.onload = () => drawMap(image, found);
    image.src = found.picture;
    find("mapped").textContent = inWords(found);
    find("before").textContent = `stays ${percent(found.probability)}`;
    find("lowest").textContent = `falls to ${percent(Math.min(...found.occlusion.flat()))}`;
    const near = found.neighbours, same = near.filter((one) => one.class_id === found.class_id).length;
    find("neighbours").replaceChildren(...near.map((one) => {
      const is = one.class_id === found.class_id ? "✓ " : "";
      const picture = make("img", { src: one.picture, alt: "" });
      return make("li", {}, picture, is + short(one.label), make("small", { textContent: `distance ${one.distance.toFixed(one.distance < 10 ? 2 : 0)}` }));
    }));
    const all = same === near.length ? "all" : same || "none";
    find("likeness").textContent = near.length
      ? `Of the ${near.length} training pictures with the most similar features, ${all} show${same === 1 ? "s" : ""} ${short(found.label)}.`
      : found.note ?? "";
  };

  /* The map for those who do not see it. */
  const inWords = ({ occlusion, probability, label, size, stride, crop }) => {
    const low = Math.min(...occlusion.flat()), row = occlusion.findIndex((line) => line.includes(low));
    const third = (n) => Math.min(2, Math.floor((3 * (n * stride + size / 2)) / crop));
    const place = [
      ["the upper left", "the top", "the upper right"],
      ["the left side", "the middle", "the right side"],
      ["the lower left", "the bottom", "the lower right"],
    ][third(row)][third(occlusion[row].indexOf(low))];
    const sure = `Its guess is ${short(label)}, ${percent(probability)}.`;
    return probability - low < 0.02
      ? `${sure} A grey square over any one place hardly changes that.`
      : `${sure} With a grey square over ${place} it falls to ${percent(low)}: that is where it looked most.`;
  };

  const DARK = [22, 12, 58], LIGHT = [255, 214, 51]; // one hue to another through lightness, as viridis
  const colour = (strength) => [...DARK.map((from, n) => from + strength * (LIGHT[n] - from)), 255 * (0.55 - 0.05 * strength)];

  /* How much covering each pixel's surroundings lowers the probability, 0 to 1, as an image of crop × crop pixels. */
  const heat = ({ occlusion, probability, size, stride, crop }) => {
    const low = Math.min(...occlusion.flat()), range = Math.max(probability - low, 0.002), last = occlusion.length - 1;
    const strength = (row, column) => Math.min(1, Math.max(0, (probability - occlusion[row][column]) / range));
    const place = (pixel) => {
      const at = Math.min(last, Math.max(0, (pixel + 0.5 - size / 2) / stride)), before = Math.floor(at);
      return [before, Math.min(last, before + 1), at - before];
    };
    const image = new ImageData(crop, crop);
    for (let y = 0; y < crop; y++) {
      const [top, bottom, down] = place(y);
      for (let x = 0; x < crop; x++) {
        const [left, right, along] = place(x);
        const above = strength(top, left) * (1 - along) + strength(top, right) * along;
        const below = strength(bottom, left) * (1 - along) + strength(bottom, right) * along;
        image.data.set(colour(above * (1 - down) + below * down), 4 * (y * crop + x));
      }
    }
    return image;
  };

  const drawMap = (picture, found) => {
    const canvas = find("map"), pen = canvas.getContext("2d"), side = canvas.width;
    const layer = make("canvas", { width: found.crop, height: found.crop });
    layer.getContext("2d").putImageData(heat(found), 0, 0);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, 0, 0, side, side);
    pen.globalCompositeOperation = "saturation"; // to greys
    pen.fillStyle = "#808080";
    pen.fillRect(0, 0, side, side);
    pen.globalCompositeOperation = "source-over";
    pen.drawImage(layer, 0, 0, side, side);
    canvas.dataset.drawn = "yes";
  };

  const drawLegend = () => {
    const { width } = find("legend"), image = new ImageData(width, 1);
    for (let x = 0; x < width; x++) {
      const [red, green, blue, alpha] = colour(x / (width - 1));
      image.data.set([...[red, green, blue].map((one) => (one * alpha + 128 * (255 - alpha)) / 255), 255], 4 * x); // on grey
    }
    find("legend").getContext("2d").putImageData(image, 0, 0);
  };

  // ------------------------------------------------------------------ how pictures come in
  find("file").onchange = (event) => { add(event.target.files); event.target.value = ""; };
  find("picture").onload = () => { find("picture").hidden = false; find("hint").hidden = true; };
  find("picture").onerror = () => {
    find("picture").hidden = true;
    find("hint").hidden = false;
    find("hint").textContent = `This browser cannot show ${shown.name}`;
  };
  document.addEventListener("paste", (event) => add(event.clipboardData.files));
  let depth = 0; // of elements that the dragged file is over
  const drag = (step) => { depth = step ? depth + step : 0; document.body.classList.toggle("drag", depth > 0); };
  document.addEventListener("dragenter", () => drag(1));
  document.addEventListener("dragleave", () => drag(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => { event.preventDefault(); drag(0); add(event.dataTransfer.files); });

  drawLegend();
  show(null);
  call("health/ready").then(({ model, log }) => {
    find("model").replaceChildren("Model ", hashed(model.hash));
    find("truth").hidden = log === "off"; // without a log, labels have no place
  }, () => {});
  call("classes").then((found) => { classes = found; }, () => { find("saved").textContent = "The classes cannot be read."; });
})();
