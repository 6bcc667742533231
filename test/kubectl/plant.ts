import type { Ran } from "./run-case.ts";

/** Changes one byte in the middle of what one case printed, as a gateway that spoils an answer would. */
export function oneByteOff(cases: number): (ran: Ran, index: number) => Ran {
  const chosen = Math.floor(cases / 2);
  return (ran, index) => {
    if (index !== chosen) return ran;
    const at = Math.floor(ran.text.length / 2);
    const other = ran.text[at] === "x" ? "y" : "x";
    return { ...ran, text: ran.text.slice(0, at) + other + ran.text.slice(at + 1) };
  };
}
