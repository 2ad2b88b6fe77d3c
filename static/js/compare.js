// Two executions side by side: choosing another one asks for it at once.
import { on } from "./dom.js";

on("change", "#compare select[data-submit]", (_, field) => field.form.requestSubmit());
