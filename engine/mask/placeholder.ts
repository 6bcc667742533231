/** What stands where a masked value stood. Base64 of it stands in fields that hold base64, so that clients still decode them. */
export const PLACEHOLDER = "**sallyport-masked**";

export function encodePlaceholder(placeholder: string): string {
  return Buffer.from(placeholder, "utf8").toString("base64");
}

/**
 * The forms in which the placeholder shows up inside text: itself, and the middle of its base64 at each of
 * the three alignments that it can have within longer encoded text.
 */
export function placeholderForms(placeholder: string): string[] {
  const bytes = Buffer.from(placeholder, "utf8");
  const forms = [placeholder];
  for (let offset = 0; offset < 3; offset++) {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    // The characters that share bits with what stands before or after are left out.
    const start = Math.ceil((offset * 8) / 6);
    const end = Math.floor(((offset + bytes.length) * 8) / 6);
    forms.push(encoded.slice(start, end));
  }
  return forms;
}
