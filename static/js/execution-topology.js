// The Topology tab of an execution: its nodes take new states while it runs.
import { watch } from "./execution.js";
import { refresh } from "./topology.js";

watch("topology", { "execution.progressed": refresh }, refresh);
document.addEventListener("execution-state", refresh);
