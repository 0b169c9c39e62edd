import { escapeMarkup } from './escape.ts';
import { fontFamily, ink } from './theme.ts';

const margin = 24;
const header = 56;

/** Several pictures of ours below one another, under a title, as one SVG. */
export function stackSvg(title: string, pictures: string[]): string {
  let y = header;
  let width = 0;
  const placed = pictures.map((picture) => {
    const size = sizeOf(picture);
    const at = y;
    y += size.height + margin;
    width = Math.max(width, size.width);
    return picture.replace('<svg ', `<svg x="${margin}" y="${at}" `);
  });
  const total = { width: width + 2 * margin, height: y };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${total.width}" height="${total.height}" viewBox="0 0 ${total.width} ${total.height}">`,
    `<title>${escapeMarkup(title)}</title>`,
    `<rect width="${total.width}" height="${total.height}" fill="white"/>`,
    `<text x="${margin + 8}" y="36" font-family="${fontFamily}" font-size="22" font-weight="700" fill="${ink.strong}">${escapeMarkup(title)}</text>`,
    ...placed,
    '</svg>',
  ].join('');
}

function sizeOf(svg: string): { width: number; height: number } {
  const match = / width="([\d.]+)" height="([\d.]+)"/.exec(svg);
  return { width: Number(match?.[1] ?? 720), height: Number(match?.[2] ?? 320) };
}
