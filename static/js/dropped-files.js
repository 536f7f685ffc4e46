// The files in a drop; a folder stands for what is in it.

// What a system leaves in folders, and nobody means to send.
const isLitter = (name) => name.startsWith(".") || ["Thumbs.db", "desktop.ini"].includes(name);

/** Return the dropped files, those of dropped folders included, in the order of their names. */
export async function filesOf(dataTransfer) {
  // Entries must be asked for before the first await: the drop's data is gone after it.
  const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...dataTransfer.files];
  return (await Promise.all(entries.filter(Boolean).map(filesBelow))).flat();
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const found = (await childrenOf(entry)).filter(({ name }) => !isLitter(name));
  found.sort((one, other) => one.name.localeCompare(other.name));
  return (await Promise.all(found.map(filesBelow))).flat();
}

// A reader gives at most a hundred at a time, and nothing when it is done.
async function childrenOf(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...some);
  }
}
