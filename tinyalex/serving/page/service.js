/* Asking the service. It may want a token, which is kept in memory only. */
import { find } from "./common.js";

const PATIENCE = 120_000, TRIES = 5; // milliseconds; requests while the service is busy
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
export const call = async (path, options = {}) => {
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
    await new Promise((done) => setTimeout(done, 1000 * Math.min(wait, 10)));
  }
};

export const post = (path, type, body) => call(path, { method: "POST", headers: { "Content-Type": type }, body });
