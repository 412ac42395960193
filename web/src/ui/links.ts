// Addresses in what people write. Only http and https: nothing that runs.

export interface Part { text: string; href?: string }

export function with_links(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const found of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/gi)) {
    let address = found[0].replace(/[.,;:!?'’”*]+$/, ''); // the sentence's, not the address's
    if (address.endsWith(')') && !address.includes('(')) address = address.slice(0, -1);
    if (!URL.canParse(address)) continue;
    if (found.index > from) parts.push({ text: text.slice(from, found.index) });
    parts.push({ text: address, href: address });
    from = found.index + address.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}
