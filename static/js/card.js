// The entry of the pages outside the frame: the theme button, and the focus on the first wrong field.
import { one } from "./dom.js";
import { startTheme } from "./theme.js";

startTheme();
one("[aria-invalid=true]")?.focus();
