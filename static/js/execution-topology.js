// The Topology tab of an execution: its nodes take new states while it runs.
import { one } from "./dom.js";
import { watch } from "./execution.js";
import { refresh } from "./topology.js";

watch("topology", { "execution.progressed": refresh }, refresh);
document.addEventListener("execution-state", refresh);

// The execution inside an opened node has a socket of its own, which this page does not hear.
setInterval(() => {
  if (!document.hidden && one('.topology-node[data-box]:is([data-state="RUNNING"], [data-state="PAUSED"]) .topology-expand')) refresh();
}, 2000);
