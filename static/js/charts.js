// Charts whose bars are links: one tab stop, arrows go from bar to bar; what is drawn is chosen in a form that sends itself.
import { all, on } from "./dom.js";

on("change", "[data-submit]", (event, field) => field.form.requestSubmit());

on("keydown", "[data-chart] a", (event, bar) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const bars = all("a", bar.closest("[data-chart]"));
  const next = bars[bars.indexOf(bar) + step];
  if (!next) return;
  bar.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
});
