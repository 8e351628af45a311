import { scalar } from "./scalar.ts";

/* XML by names: records become elements, arrays lists, undefined nothing. */

/** `list` is the element that wraps each entry of an array: `member` (query), `item` (EC2). */
export function writeXml(value: unknown, list: string): string {
  if (value === undefined || value === null) return "";
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((entry) => element(list, entry, list)).join("");
  if (typeof value === "object") {
    return Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => element(name, member, list))
      .join("");
  }
  return escape(scalar(value));
}

function element(name: string, value: unknown, list: string): string {
  return `<${name}>${writeXml(value, list)}</${name}>`;
}

export function escape(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      // A parser would turn a bare carriage return into a line feed: user data has some.
      .replaceAll("\r", "&#13;")
  );
}

export const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
