// The entry of every page: starts what the frame needs. A page has its own module beside this one.
import { startConfirm, startDialogs } from "./dialogs.js";
import { startHtmx } from "./htmx.js";
import { startKeys } from "./keys.js";
import { startNav } from "./nav.js";
import { startPalette } from "./palette.js";
import { startTheme } from "./theme.js";
import { startTimes } from "./times.js";
import { startToasts } from "./toasts.js";

startTheme();
startNav();
startDialogs();
startConfirm();
startToasts();
startHtmx();
startPalette();
startKeys();
startTimes();
