// Advance widths of Helvetica (and Arial, Liberation Sans) for U+0020 to U+007E, in thousandths of the font size.
const widths = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
  556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
  722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
  556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
  260, 334, 584,
];

/**
 * Width of a text in pixels, the same on every machine: no font is looked at. Six in a hundred are added, since a
 * reader's font may be wider than the one measured, and too much room is better than overlap.
 */
export function textWidth(text: string, fontSize: number, bold = false): number {
  let sum = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    // East Asian characters and pictures fill the square; other alphabets are a little wider than ours.
    sum += widths[code - 32] ?? (code >= 0x1100 ? 1000 : 600);
  }
  return (sum * fontSize * (bold ? 1.12 : 1.06)) / 1000;
}
