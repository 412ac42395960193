// Building and reading stanzas. Built elements carry a literal `xmlns` attribute and no DOM namespace, as Strophe's
// serializer wants it; read elements come from a namespace-aware parser. The functions below accept both.

export type Attributes = Record<string, string | number | boolean | undefined>;
export type Child = Element | string | null | undefined | false;

const blank = () => document.implementation.createDocument(null, null);
let home: XMLDocument | undefined;

/** An element with attributes (undefined ones are left out) and children. `xmlns` is an attribute like any other. */
export function el(name: string, attributes: Attributes = {}, ...children: Child[]): Element {
  home ??= blank();
  const made = home.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, String(value));
  for (const child of children) if (child) made.append(child);
  return made;
}

export function namespace_of(e: Element): string | null {
  return e.getAttribute('xmlns') ?? e.namespaceURI;
}

/** The direct children of that name, and of that namespace where one is given. */
export function children(parent: Element, name: string, xmlns?: string): Element[] {
  return Array.from(parent.children).filter((c) => c.localName === name && (!xmlns || namespace_of(c) === xmlns));
}

export function child(parent: Element, name: string, xmlns?: string): Element | undefined {
  return children(parent, name, xmlns)[0];
}

export function text_of(parent: Element, name: string, xmlns?: string): string | undefined {
  return child(parent, name, xmlns)?.textContent ?? undefined;
}

export function parse_xml(text: string): Element {
  const root = new DOMParser().parseFromString(text, 'text/xml').documentElement;
  if (root.localName === 'parsererror' || root.querySelector('parsererror')) throw new Error(`not XML: ${text.slice(0, 80)}`);
  return root;
}
