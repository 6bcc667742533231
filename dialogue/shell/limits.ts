/** A manifest in a here-document is some tens of KB; the parser takes 0.1 s for the worst text of this size. */
export const MAX_TEXT = 64 * 1024;
/** Commands of one text, those that shells and wrappers in it start included. */
export const MAX_COMMANDS = 256;
/** `sh -c` in `sh -c`, substitutions in substitutions. */
export const MAX_DEPTH = 12;
/** The parser goes over a text once for each level of these, and once more for each here-document. */
export const MAX_OPENERS = 400;
export const MAX_HEREDOCS = 40;
/** Words that one word's braces make. */
export const MAX_BRACES = 256;
/** Wall time for one text, looked at between commands. */
export const MAX_MS = 250;
