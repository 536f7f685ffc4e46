// Text as it is compared: İ, I, ı and i meet, accents do not matter.

export function fold(text) {
  return text.toLocaleLowerCase("tr").replaceAll("ı", "i").normalize("NFD").replace(/\p{M}/gu, "");
}
