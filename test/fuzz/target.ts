/** What a run over many cases came to. */
export interface Tally {
  cases: number;
  /** Cases that the subject decoded, and that the oracle, where there is one, decoded too. */
  accepted: number;
  /** Cases that were refused with a typed error. */
  refused: number;
  /** Where subject and oracle say different things: the input, and what each said. At most some ten are kept. */
  differences: string[];
  /** Anything thrown that is no typed refusal, and anything that took too long. */
  crashes: string[];
}

/** One thing that is fuzzed: a parser, or a parser beside the program that it must agree with. */
export interface FuzzTarget {
  readonly name: string;
  /** The defect that `planted` puts in, in words: a run must find it, or it finds nothing. */
  readonly plant: string;
  /** Starts what the target needs. `planted` breaks the subject in the way that `plant` says. */
  open(options: { planted: boolean }): Promise<OpenTarget>;
}

export interface OpenTarget {
  /** The same seed gives the same cases. */
  run(cases: number, seed: number): Promise<Tally>;
  close(): Promise<void>;
}
