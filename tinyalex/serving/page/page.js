/* The page of the service: pictures go in, answers come out. */
import * as classes from "./classes.js";
import { find, make, percent, short } from "./common.js";
import { clearMap, drawLegend, drawMap, inWords, lowest } from "./map.js";
import { call, post } from "./service.js";

const WORDS = { // of a state
  empty: "No picture yet", busy: "Looking", sure: "Sure", guess: "Best guess", unsure: "Not sure", error: "No answer",
};
const MARKS = { busy: "…", sure: "✓", guess: "~", unsure: "?", error: "!" };

// a look: {file, name, url, button, answer and calibrated, or error, truth, saved, explanation or blocked, explaining}
let shown = null, queue = Promise.resolve();

const stateOf = (look) => {
  if (!look) return "empty";
  if (look.error) return "error";
  if (!look.answer) return "busy";
  return !look.answer.sure ? "unsure" : look.calibrated ? "sure" : "guess";
};

// ---------------------------------------------------------------------- pictures, one after the other

const add = (files) => {
  const looks = [...files].map((file) => ({ file, name: file.name || "the picture", url: URL.createObjectURL(file) }));
  for (const look of looks) {
    const thumbnail = make("img", { src: look.url, alt: "", loading: "lazy", onerror: () => thumbnail.remove() });
    const sign = make("span", { className: "mark" });
    look.button = make("button", { type: "button", onclick: () => show(look) }, thumbnail, sign);
    find("strip").append(make("li", {}, look.button));
    mark(look);
    queue = queue.then(() => classify(look));
  }
  if (looks.length) show(looks[0]);
};

const send = async (path, { file }) => {
  const content = await file.arrayBuffer().catch(() => { throw new Error("this file cannot be read"); });
  return post(path, file.type || "application/octet-stream", content);
};

const classify = async (look) => {
  try {
    const { answers, model, calibrated } = await send("classify", look);
    Object.assign(look, { answer: answers[0], calibrated });
    tellModel(model, `, its probabilities are ${calibrated ? "" : "not "}calibrated`);
  } catch (error) {
    look.error = error.message;
  }
  mark(look);
  if (look === shown) tell(look);
};

const mark = (look) => {
  const state = stateOf(look), guess = look.answer ? `: ${short(look.answer.top[0].label)}` : "";
  look.button.dataset.state = state;
  look.button.lastChild.textContent = MARKS[state];
  look.button.ariaLabel = `${look.name}, ${WORDS[state].toLowerCase()}${guess}`;
};

const show = (look) => {
  shown?.button.removeAttribute("aria-current");
  shown = look;
  look.button.setAttribute("aria-current", "true");
  look.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  Object.assign(find("picture"), { src: look.url, alt: look.name });
  tell(look);
};

// ---------------------------------------------------------------------- the answer

const rows = Array.from({ length: 5 }, () => {
  const [name, share, fill] = [make("span", { className: "name" }), make("span", { className: "percent" }), make("i")];
  const item = make("li", {}, name, share, make("div", { className: "bar" }, fill));
  find("top").append(item);
  return { item, name, share, fill };
});

const sentence = (look) => {
  if (!look) return "Its answer will stand here.";
  if (look.error) return `${look.name}: ${look.error}`;
  return look.answer ? look.answer.text : `Looking at ${look.name} …`;
};

const tell = (look) => {
  const state = stateOf(look), reason = look?.answer?.reason;
  find("answer").dataset.state = state;
  find("answer").ariaBusy = String(state === "busy");
  find("state").textContent = WORDS[state];
  find("said").textContent = sentence(look);
  find("reason").textContent = reason ? `Reason: ${reason}` : "";
  rows.forEach(({ item, name, share, fill }, n) => {
    const guess = look?.answer?.top[n];
    item.ariaHidden = String(!guess);
    item.style.visibility = look?.answer && !guess ? "hidden" : ""; // of fewer than five classes
    name.textContent = guess ? short(guess.label) : "\u00a0";
    share.textContent = guess ? percent(guess.probability) : "";
    fill.style.width = guess ? `${100 * guess.probability}%` : "0";
  });
  tellTruth(look);
  tellReasons(look);
};

const names = {}; // of models, by their hashes
const tellModel = (hash, more = "") => {
  const digits = make("code", { textContent: hash.slice(0, 16), title: hash });
  find("model").replaceChildren(`Model ${names[hash] ?? ""} `, digits, more);
};

// ---------------------------------------------------------------------- what it really is

const tellTruth = (look) => {
  find("save").disabled = !look?.answer;
  classes.reset(look?.truth ?? null, look?.answer?.top.map((guess) => guess.class_id) ?? [], Boolean(look?.answer));
  find("saved").textContent = look?.saved ?? "";
};

find("truth").onsubmit = async (event) => {
  event.preventDefault();
  const look = shown, one = classes.choice();
  if (!one) {
    find("saved").textContent = "Choose one of the classes.";
    find("class").focus();
    return;
  }
  try {
    await post("label", "application/json", JSON.stringify({ id: look.answer.id, class_id: one.class_id }));
    Object.assign(look, { truth: one, saved: `Saved: it is ${short(one.label)}.` });
  } catch (error) {
    look.saved = `Not saved: ${error.message}`;
  }
  if (look === shown) tellTruth(look);
};

// ---------------------------------------------------------------------- why

const reasons = find("reasons");

const tellReasons = (look) => {
  find("explain").disabled = !look?.answer;
  if (reasons.hidden) return;
  const { explanation, blocked } = look ?? {};
  reasons.dataset.state = explanation ? "shown" : blocked ? "error" : "busy";
  reasons.ariaBusy = String(!explanation && !blocked);
  find("explaining").textContent = explanation ? "" : blocked ?? "Covering the picture, place by place …";
  if (explanation) draw(explanation);
  else clearMap(find("map"));
  if (look?.answer && !explanation && !blocked && !look.explaining) explain(look);
};

const explain = async (look) => {
  look.explaining = true;
  try {
    look.explanation = await send("explain", look);
  } catch (error) {
    look.blocked = `No explanation: ${error.message}`;
  }
  look.explaining = false;
  if (look === shown) tellReasons(look);
};

find("explain").onclick = () => {
  reasons.hidden = !reasons.hidden;
  find("explain").ariaExpanded = String(!reasons.hidden);
  shown.blocked = null;
  if (shown.explanation?.note) shown.explanation = null; // the training pictures may have come since
  tellReasons(shown);
};

const draw = (found) => {
  drawMap(find("map"), found);
  find("mapped").textContent = inWords(found);
  const [before, after] = [percent(found.probability), percent(lowest(found))];
  find("before").textContent = `stays ${before}`;
  find("lowest").textContent = before === after ? "hardly falls" : `falls to ${after}`;
  const near = found.neighbours, alike = near.filter(({ class_id }) => class_id === found.class_id).length;
  find("neighbours").replaceChildren(...near.map(({ label, class_id, distance, picture }) => {
    const far = `distance ${distance.toFixed(distance < 10 ? 2 : 0)}`, same = class_id === found.class_id ? "✓ " : "";
    const image = make("img", { src: picture, alt: "" });
    return make("li", {}, image, same + short(label), make("small", { textContent: far }));
  }));
  const count = alike === near.length ? "all" : alike || "none", show = alike === 1 ? "shows" : "show";
  find("likeness").textContent = near.length
    ? `Of the ${near.length} training pictures with the most similar features, ${count} ${show} ${short(found.label)}.`
    : `No neighbours: ${found.note}.`;
};

// ---------------------------------------------------------------------- how pictures come in

find("file").onchange = ({ target }) => { add(target.files); target.value = ""; };
find("picture").onload = () => { find("picture").hidden = false; find("empty").hidden = true; };
find("picture").onerror = () => {
  find("picture").hidden = true;
  find("empty").hidden = false;
  find("hint").textContent = `This browser cannot show ${shown.name}`;
};
document.addEventListener("paste", (event) => add(event.clipboardData.files));
let depth = 0; // of elements that a dragged file is over
const drag = (step) => { depth = step ? depth + step : 0; document.body.classList.toggle("drag", depth > 0); };
document.addEventListener("dragenter", () => drag(1));
document.addEventListener("dragleave", () => drag(-1));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => { event.preventDefault(); drag(0); add(event.dataTransfer.files); });

drawLegend(find("legend"));
tell(null);
call("classes").then((found) => {
  classes.know(found);
  const some = [0, 0.5, 1].map((share) => short(found[Math.round(share * (found.length - 1))].label));
  find("known").textContent = `It knows ${found.length} classes, such as ${[...new Set(some)].join(", ")}`;
}, () => { find("known").textContent = "Its classes cannot be read"; });
call("health/ready").then(({ model, log }) => {
  names[model.hash] = model.model;
  if (!shown) tellModel(model.hash);
  find("truth").hidden = find("report").hidden = log === "off"; // labels and reports need a log
}, () => {});
