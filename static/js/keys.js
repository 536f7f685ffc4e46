// Names that this page makes up.

/** A key that no other upload has: 128 random bits as hex. */
export function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One visit in one tab: what was uploaded together can be found together. */
export function visitId() {
  let id = sessionStorage.getItem("session");
  if (!id) {
    id = `web-${randomKey().slice(0, 16)}`;
    sessionStorage.setItem("session", id);
  }
  return id;
}
