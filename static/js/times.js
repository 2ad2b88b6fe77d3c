// Keeps relative times right while a page stays open. The server wrote them first, in the same words.
const SPACE = "\u00a0";

export function span(seconds) {
  const size = Math.abs(seconds);
  if (size < 60) return `${Math.floor(size)}${SPACE}s`;
  if (size < 3600) return `${Math.floor(size / 60)}${SPACE}min`;
  return `${Math.floor(size / 3600)}${SPACE}h`;
}

// As ui/formats.py duration(): 36 ms, 9.1 s, 24 s, 1 m 04 s, 2 h 05 m, 3 d 04 h.
export function duration(seconds) {
  const two = (value) => String(value).padStart(2, "0");
  if (seconds < 0.0995) return `${Math.round(Math.max(0, seconds) * 1000)}${SPACE}ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)}${SPACE}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${SPACE}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}${SPACE}m${SPACE}${two(whole % 60)}${SPACE}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}${SPACE}h${SPACE}${two(minutes % 60)}${SPACE}m`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)}${SPACE}d${SPACE}${two(hours % 24)}${SPACE}h`;
}

function refresh() {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const text = element.textContent;
    if (!/ ago$|^in |^now$/.test(text.replaceAll(SPACE, " "))) continue;
    const seconds = (Date.now() - Date.parse(element.dateTime)) / 1000;
    if (!Number.isFinite(seconds) || Math.abs(seconds) >= 86400) continue;
    const next = Math.abs(seconds) < 1 ? "now" : seconds < 0 ? `in ${span(seconds)}` : `${span(seconds)} ago`;
    if (next !== text) element.textContent = next;
  }
}

// <… data-since="ISO"> shows how long something has been going on, once a second.
function count() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const seconds = (Date.now() - Date.parse(element.dataset.since)) / 1000;
    if (Number.isFinite(seconds)) element.textContent = duration(Math.max(0, seconds));
  }
}

export function startTimes() {
  setInterval(count, 1000);
  setInterval(refresh, 5000);
}
