// The gateway's API: JSON by GET, with the token where one is asked for.

export class APIError extends Error {
  constructor(path, status, message) {
    super(`${path.split("?")[0]}: ${message}`);
    this.name = "APIError";
    this.status = status;
  }
}

let token = read();
let asking = null;
let ask = async () => null;

function read() {
  try { return sessionStorage.getItem("api-token"); } catch { return null; }
}

function keep(value) {
  token = value;
  try { sessionStorage.setItem("api-token", value); } catch { /* for this page only */ }
}

/** `prompt` is called where the gateway asks for a token, with whether one was refused, and returns it or null. */
export function onTokenWanted(prompt) { ask = prompt; }

export const hasToken = () => token != null;

/** The answer of a path, below the gateway's root; asks for the token where it is wanted. */
export async function request(path, { signal, accept = "application/json" } = {}) {
  for (let attempt = 0; ; attempt++) {
    const sent = token;
    let answer;
    try {
      answer = await fetch(path, { signal, cache: "no-store", headers: { Accept: accept, ...(sent && { Authorization: `Bearer ${sent}` }) } });
    } catch (error) {
      throw error.name === "AbortError" ? error : new APIError(path, 0, "the gateway does not answer");
    }
    if (answer.ok) return answer;
    if (answer.status === 401 && attempt < 5) {
      // Another request may have brought a new token meanwhile; all that wait share one question.
      if (token === sent) {
        asking ??= ask(sent != null).finally(() => { asking = null; });
        const given = await asking;
        if (given == null) throw new APIError(path, 401, "asks for the API token");
        if (token === sent) keep(given);
      }
      continue;
    }
    const body = await answer.json().catch(() => null);
    throw new APIError(path, answer.status, body?.message ?? body?.detail ?? `${answer.status} ${answer.statusText}`);
  }
}

export const get = async (path, options) => (await request(path, options)).json();

/** `path?name=value&…`, with a name for each of several values, and none for null. */
export function query(path, parameters) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one != null && one !== "") pairs.append(name, one);
  }
  return pairs.size ? `${path}?${pairs}` : path;
}

// The gateway's own description says which lists have pages, and how large they may be.
let described = null;

async function pageSize(path) {
  described ??= get("openapi.json").then((document) => Object.entries(document.paths), () => {
    described = null;
    return [];
  });
  const words = ("/" + path).split("/");
  for (const [template, item] of await described) {
    const pattern = template.split("/");
    if (pattern.length !== words.length || !pattern.every((word, i) => word === words[i] || word.startsWith("{"))) continue;
    return item.get?.parameters?.find((parameter) => parameter.name === "limit")?.schema?.maximum ?? null;
  }
  return null;
}

/** The items of a list, page by page: `{ data, isWhole, total }`. Stops where there are more than `most`, when that is given. */
export async function list(path, parameters = {}, { signal, most = Infinity } = {}) {
  const data = [];
  const limit = await pageSize(path);
  for (;;) {
    const page = await get(query(path, { ...parameters, limit, offset: data.length || null }), { signal });
    data.push(...page.data);
    const total = page.total ?? (page.next ? Infinity : data.length);
    if (!page.data.length || limit == null || data.length >= total) return { data, isWhole: true, total: data.length };
    if (data.length >= most || total > most) return { data, isWhole: false, total };
  }
}
