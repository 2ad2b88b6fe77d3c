// What the workspace asks the server, always about the copy of the files that the page shows.
import { csrfToken, one } from "../dom.js";

export const config = JSON.parse(one("#workspace-config")?.textContent ?? "{}");

// The server would not: its sentence is the message, `answer` what else it said.
export class Refused extends Error {
  constructor(message, status, answer = {}) {
    super(message);
    Object.assign(this, { status, answer });
  }
}

export function address(name, query = {}) {
  const url = new URL(`${config.base}${name}/`, location.href);
  if (config.branch) url.searchParams.set("branch", config.branch);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  return url;
}

export async function ask(name, { query = {}, body, form, method, signal, keepalive = false } = {}) {
  const sends = body !== undefined || form !== undefined || (method && method !== "GET");
  const headers = { Accept: "application/json" };
  if (sends) headers["X-CSRFToken"] = csrfToken();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const asked = { method: method ?? (sends ? "POST" : "GET"), headers, signal, keepalive, credentials: "same-origin", body: form ?? (body === undefined ? undefined : JSON.stringify(body)) };
  const response = await fetch(address(name, query), asked);
  if (response.redirected && response.url.includes("/signin/")) throw new Refused("You are signed out. Sign in again in another tab: what you typed stays here.", 401);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.message ?? `The server answered ${response.status}. Try again.`, response.status, answer);
  return answer;
}
