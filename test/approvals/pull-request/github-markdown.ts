import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";

/** What GitHub would act on in a text, found where it looks: by its own grammars, in text that is no code and no link. */
export interface Active {
  links: string[];
  images: string[];
  comments: string[];
  /** Elements other than those that CommonMark makes of our own words. */
  elements: string[];
  references: string[];
}

/**
 * GitHub's grammars. Mentions: github/html-pipeline, mention_filter.rb and team_mention_filter.rb. References and
 * keywords: docs.github.com, "Autolinked references and URLs", "Linking a pull request to an issue".
 */
const GRAMMAR: [string, RegExp][] = [
  ["mention", /(?:^|[^A-Za-z0-9_])@[a-z0-9][a-z0-9-]*(?!\/)(?=\.+[ \t\W]|\.+$|[^0-9a-zA-Z_.]|$)/gim],
  ["team", /(?:^|[^A-Za-z0-9_])@[a-z0-9][a-z0-9-]+\/[a-z0-9][a-z0-9\-_]+/gim],
  ["issue", /(?:^|[^A-Za-z0-9_&])#\d+\b/gm],
  ["issue of a repository", /[\w.-]+(?:\/[\w.-]+)?#\d+\b/g],
  ["old issue", /\bGH-\d+\b/gi],
  ["issue by URL", /[\w-]+\.[\w.-]+\/[\w.-]+\/[\w.-]+\/(?:issues|pull|discussions)\/\d+/gi],
  ["keyword", /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:(?:[\w.-]+\/[\w.-]+)?#|GH-)\d+/gi],
  ["no workflow", /\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]/gi],
  ["no checks", /^skip-checks:\s*true/gim],
  ["author", /^(?:co-authored|signed-off)-by:/gim],
  ["command of a bot", /^\/[a-z]/gm],
];

/** What a plain text holds that would act where nothing is code: in a commit message. */
export function referencesIn(text: string): string[] {
  return GRAMMAR.flatMap(([name, pattern]) => [...text.matchAll(pattern)].map(([found]) => `${name}: ${found.trim()}`));
}

/** Code points that show nothing, or move what is beside them: this test's own list, and none of the code's classes. */
const UNSEEN: [number, number][] = [
  [0, 9],
  [0xb, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfeff, 0xfeff],
  [0xe0000, 0xe0fff],
];

/** What nobody would see, line breaks aside. */
export function unseenIn(text: string): string[] {
  return [...text].filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    return UNSEEN.some(([first, last]) => first <= code && code <= last);
  });
}

const OWN = new Set(
  "h1 h2 h3 h4 p ul ol li strong em code pre a blockquote hr details summary br"
    .split(" ")
    .flatMap((name) => [name, `/${name}`]),
);
/** Where html-pipeline's filters do not look. */
const IGNORED = /^(?:pre|code|tt|a|style|script)$/;

/** The Markdown as GitHub would render it, and what in it acts. Raw HTML is kept, so that it is found. */
export function render(markdown: string): Active & { html: string; code: string[] } {
  const html = micromark(markdown, {
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()],
    allowDangerousHtml: true,
    allowDangerousProtocol: true,
  });
  const found: Active & { code: string[] } = {
    links: [],
    images: [],
    comments: [],
    elements: [],
    references: [],
    code: [],
  };
  const open: string[] = [];
  for (const [, comment, tag, text] of html.matchAll(/(<!--[\s\S]*?(?:-->|$))|<([^>]*)>|([^<]+)/g)) {
    if (comment !== undefined) found.comments.push(comment);
    else if (tag !== undefined) {
      const name = tag.split(/[\s>]/, 1)[0]?.toLowerCase() ?? "";
      const attribute = (key: string): string => new RegExp(`${key}="([^"]*)"`).exec(tag)?.[1] ?? "";
      if (name === "a") found.links.push(attribute("href"));
      if (name === "img") found.images.push(attribute("src"));
      if (!OWN.has(name)) found.elements.push(tag);
      if (name.startsWith("/")) open.splice(open.lastIndexOf(name.slice(1)), 1);
      else if (!["br", "hr", "img"].includes(name)) open.push(name);
    } else if (text !== undefined) {
      const plain = text.replace(
        /&(amp|lt|gt|quot);/g,
        (_, entity: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"' })[entity] ?? "",
      );
      if (open.includes("code")) found.code.push(plain);
      if (!open.some((name) => IGNORED.test(name))) found.references.push(...referencesIn(plain));
    }
  }
  return { ...found, html };
}
