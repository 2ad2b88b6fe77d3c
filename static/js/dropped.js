// What was dropped on a page, whole folders too: [{file, path}], paths with / from where it was dropped.
const read = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));

async function add(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (let some = await read(reader); some.length; some = await read(reader)) for (const inside of some) await add(inside, found);
}

export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  for (const entry of entries) await add(entry, found);
  return found;
}
