// Filters in the address: what is empty is left out, so that a link says only what it means.
document.addEventListener("htmx:configRequest", (event) => {
  const { formData, elt, verb } = event.detail;
  if (verb !== "get" || !elt.matches("form[role=search]")) return;
  for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
});
