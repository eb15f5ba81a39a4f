/* The book works without this file; it adds the menu on small screens, the switch to dark, copying, and the search. */
(() => {
  "use strict";
  const up = document.currentScript.dataset.up, root = document.documentElement;
  const find = (id) => document.getElementById(id);
  root.classList.add("js");

  // dark or light: the system's choice until the reader makes one
  const theme = find("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const remember = { get: () => { try { return localStorage.getItem("book-theme"); } catch { return null; } },
                     set: (value) => { try { localStorage.setItem("book-theme", value); } catch { /* not kept */ } } };
  const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  if (remember.get()) root.dataset.theme = remember.get();
  theme.onclick = () => { root.dataset.theme = isDark() ? "light" : "dark"; remember.set(root.dataset.theme); label(); };
  dark.addEventListener("change", label);
  label();

  // the list of lessons on a small screen
  const menu = find("menu");
  const open = (yes) => { root.classList.toggle("menu", yes); menu.setAttribute("aria-expanded", yes); };
  menu.onclick = () => open(!root.classList.contains("menu"));
  find("lessons").addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
  document.querySelector("#lessons [aria-current]")?.scrollIntoView({ block: "center" });
  if (!location.hash) scrollTo(0, 0);

  // copying code
  const copied = async (text) => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = text; area.select(); document.execCommand("copy"); area.remove();
    }
  };
  for (const block of document.querySelectorAll(".input_area, .source")) {
    const button = document.createElement("button"), code = block.querySelector("pre");
    if (!code) continue;
    Object.assign(button, { type: "button", className: "copy", textContent: "Copy" });
    button.onclick = async () => {
      await copied(code.textContent.trimEnd() + "\n");
      button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500);
    };
    block.append(button);
  }

  // the search: its words come from search.js, which is read when they are first needed
  const input = find("search"), list = find("found");
  let index = null;
  const load = () => {
    if (index) return index;
    index = new Promise((done) => {
      const script = document.createElement("script");
      script.src = up + "search.js";
      script.onload = () => done(window.BOOK.map((part) => ({ ...part, low: (part.title + " " + part.text).toLowerCase() })));
      document.head.append(script);
    });
    return index;
  };
  const score = (part, words) => {
    if (!words.every((word) => part.low.includes(word))) return 0;
    const title = part.title.toLowerCase();
    return words.reduce((sum, word) => sum + (title.includes(word) ? 10 : 0) + Math.min(part.low.split(word).length - 1, 9), 0);
  };
  const around = (text, word) => {
    const place = text.toLowerCase().indexOf(word);
    const start = place > 40 ? text.lastIndexOf(" ", place - 40) + 1 : 0, goesOn = start + 120 < text.length;
    const shown = goesOn ? text.slice(start, text.lastIndexOf(" ", start + 120)) + " …" : text.slice(start);
    return (start ? "… " : "") + shown;
  };
  const search = async () => {
    const asked = input.value, words = asked.toLowerCase().split(/\s+/).filter(Boolean), parts = await load();
    if (asked !== input.value) return;
    const best = words.length ? parts.map((part) => [score(part, words), part]).filter(([points]) => points) : [];
    best.sort((a, b) => b[0] - a[0]);
    list.replaceChildren(...best.slice(0, 12).map(([, part]) => {
      const item = document.createElement("li"), link = document.createElement("a"), small = document.createElement("small");
      link.href = up + part.page; link.textContent = part.title;
      small.textContent = (part.title === part.lesson ? "" : part.lesson + ": ") + around(part.text, words[0]);
      item.append(link, document.createElement("br"), small);
      return item;
    }));
    if (words.length && !best.length) list.append(Object.assign(document.createElement("li"), { textContent: "Nothing found." }));
    list.hidden = !words.length;
  };
  input.onfocus = load;
  input.oninput = search;
  input.onkeydown = (event) => { if (event.key === "Enter") list.querySelector("a")?.click(); };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { list.hidden = true; open(false); }
    if (event.key === "/" && !event.target.closest("input, textarea")) { event.preventDefault(); input.focus(); }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".search")) list.hidden = true; });
})();
