/** A manifest in a here-document is some tens of KB; the parser takes 0.3 s for the worst text of this size. */
export const MAX_TEXT = 64 * 1024;
/** Commands of one text, those that shells and wrappers in it start included. */
export const MAX_COMMANDS = 256;
/** `sh -c` in `sh -c`, substitutions in substitutions. */
export const MAX_DEPTH = 12;
/** What makes the parser go over a text, or a line, once more: substitutions, here-documents, and their number times its length. */
export const MAX_OPENERS = 150;
export const MAX_HEREDOCS = 40;
export const MAX_WORK = 2_000_000;
/** Characters of all texts that shells in a text are given. */
export const MAX_NESTED = 2 * MAX_TEXT;
/** A document is read by a parser that takes a third of a second for the worst of this size. */
export const MAX_DOCUMENT = 24 * 1024;
/** Open braces of one word that are looked into. */
export const MAX_OPEN_BRACES = 100;
/** Words that one word's braces make. */
export const MAX_BRACES = 256;
/** Wall time for one text, looked at between commands: the caps above come long before it on an idle machine. */
export const MAX_MS = 1000;
/** Words of a loop that is read once for each, and characters that are read again so. */
export const MAX_LOOP = 64;
export const MAX_REPEATED = 4 * MAX_TEXT;
